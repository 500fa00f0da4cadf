import { metricNameLabel, type Labels } from "../../model/index.ts";

/**
 * Labels as `Labels` has them: sorted, those without a value left out. Undefined when a name is empty or comes twice, or a text
 * is no text (the decoders make U+FFFF of what is no UTF-8).
 * Prometheus sorts what it receives as well, though the specification asks it of senders.
 */
export function normalizeLabels(labels: Labels): Labels | undefined {
  let before = "";
  let isNormal = true;
  for (let at = 0; at < labels.length && isNormal; at += 2) {
    const name = labels[at]!;
    const value = labels[at + 1]!;
    isNormal = name > before && value !== "" && !name.includes("\uFFFF") && !value.includes("\uFFFF");
    before = name;
  }
  return isNormal ? labels : sortLabels(labels);
}

function sortLabels(labels: Labels): Labels | undefined {
  const values = new Map<string, string>();
  for (let at = 0; at < labels.length; at += 2) {
    const name = labels[at]!;
    const value = labels[at + 1]!;
    const isText = name !== "" && !name.includes("\uFFFF") && !value.includes("\uFFFF");
    if (!isText || values.has(name)) return undefined;
    values.set(name, value);
  }
  // By code unit, as `Labels` has it.
  const names = [...values.keys()].filter((name) => values.get(name) !== "").sort();
  return names.flatMap((name) => [name, values.get(name)!]);
}

/** Labels of a series, which must have a name. */
export function normalizeSeriesLabels(labels: Labels): Labels | undefined {
  const normal = normalizeLabels(labels);
  if (normal === undefined) return undefined;
  for (let at = 0; at < normal.length; at += 2) if (normal[at] === metricNameLabel) return normal;
  return undefined;
}
