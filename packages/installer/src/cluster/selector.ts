import type { LiveObject } from "./compare.ts";

/** A label selector as a query wants it. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
}

/** The selector of a workload's pods. */
export function selectorOf(workload: LiveObject): string {
  const spec = workload["spec"] as { readonly selector?: { readonly matchLabels?: Record<string, string> } };
  return formatLabels(spec.selector?.matchLabels ?? {});
}
