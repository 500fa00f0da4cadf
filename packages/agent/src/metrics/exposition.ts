import type { Family, FamilySample } from "./families.ts";

export const expositionContentType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Prometheus' text format.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function formatExposition(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${name} ${escape(help)}`, `# TYPE ${name} ${type}`);
    for (const sample of samples) lines.push(formatSample(name, sample));
  }
  lines.push("");
  return lines.join("\n");
}

function formatSample(name: string, { metricName, labels, value }: FamilySample): string {
  const pairs: string[] = [];
  for (const [label, text] of Object.entries(labels)) {
    if (text !== undefined) pairs.push(`${label}="${escape(String(text)).replaceAll('"', String.raw`\"`)}"`);
  }
  const braces = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${metricName ?? name}${braces} ${formatNumber(value)}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", String.raw`\\`).replaceAll("\n", String.raw`\n`);
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}
