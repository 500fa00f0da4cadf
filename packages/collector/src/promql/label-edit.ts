import { labelsKey, metricNameLabel, type Labels } from "../model/index.ts";

/** The labels but those named. */
export function withoutLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  const kept: string[] = [];
  for (let index = 0; index < labels.length; index += 2) {
    if (!names.has(labels[index]!)) kept.push(labels[index]!, labels[index + 1]!);
  }
  return kept.length === labels.length ? labels : kept;
}

/** Only the labels named. */
export function onlyLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  const kept: string[] = [];
  for (let index = 0; index < labels.length; index += 2) {
    if (names.has(labels[index]!)) kept.push(labels[index]!, labels[index + 1]!);
  }
  return kept.length === labels.length ? labels : kept;
}

const metadataLabels: ReadonlySet<string> = new Set([metricNameLabel, "__type__", "__unit__"]);

/** The labels without the metric's name, type and unit: what is left after an operation changed the meaning. */
export function withoutName(labels: Labels): Labels {
  return withoutLabels(labels, metadataLabels);
}

/** The labels with one set; an empty value takes it away. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const changed: string[] = [];
  let isPlaced = value === "";
  for (let index = 0; index < labels.length; index += 2) {
    const current = labels[index]!;
    if (!isPlaced && current >= name) {
      changed.push(name, value);
      isPlaced = true;
    }
    if (current !== name) changed.push(current, labels[index + 1]!);
  }
  if (!isPlaced) changed.push(name, value);
  return changed;
}

/** Order of results: by name and value, label after label; fewer labels first. */
export function compareLabels(left: Labels, right: Labels): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    if (left[index]! !== right[index]!) return left[index]! < right[index]! ? -1 : 1;
  }
  return left.length - right.length;
}

/** The labels as Prometheus prints them: `name{label="value"}` without the name outside, so `{__name__="up", job="a"}`. */
export function formatLabels(labels: Labels): string {
  const parts: string[] = [];
  for (let index = 0; index < labels.length; index += 2) {
    parts.push(`${printedName(labels[index]!)}=${JSON.stringify(labels[index + 1]!)}`);
  }
  return `{${parts.join(", ")}}`;
}

/** A label's name, in quotes unless it is a plain word. */
export function printedName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

/** Gives each distinct label set a number from 0, in order of first sight. */
export function createNumbering(): { readonly of: (labels: Labels) => number; readonly size: () => number } {
  const numbers = new Map<string, number>();
  return {
    of(labels) {
      const key = labelsKey(labels);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, numbers.size);
      return numbers.size - 1;
    },
    size: () => numbers.size,
  };
}
