/**
 * The labels of a series as one flat list: name, value, name, value …
 * Order: names ascending by UTF-16 code unit, each name once; an empty value means "no such label" and is left out.
 * The metric's name is the label `__name__`.
 */
export type Labels = readonly string[];

export const metricNameLabel = "__name__";

/** Labels from a record in any order; entries with an empty value are left out, as Prometheus does. */
export function labelsFromRecord(record: Readonly<Record<string, string>>): Labels {
  const flat: string[] = [];
  for (const name of Object.keys(record).sort()) {
    const value = record[name];
    if (value !== undefined && value !== "") flat.push(name, value);
  }
  return flat;
}

/** The labels as a record, for JSON. The record has no prototype, so that a label called `__proto__` stays a label. */
export function labelsToRecord(labels: Labels): Record<string, string> {
  const record = Object.create(null) as Record<string, string>;
  for (let index = 0; index < labels.length; index += 2) record[labels[index]!] = labels[index + 1]!;
  return record;
}

/** The value of one label, or "" where the series has none. */
export function labelValue(labels: Labels, name: string): string {
  for (let index = 0; index < labels.length; index += 2) {
    if (labels[index] === name) return labels[index + 1]!;
  }
  return "";
}

/** A string that is equal for equal labels and differs otherwise: 0xFF never occurs in UTF-8, U+FFFF is no character. */
export function labelsKey(labels: Labels): string {
  return labels.join("\uFFFF");
}
