import { stringify } from "yaml";

/**
 * One YAML document of a plain value. The same value gives the same bytes on every machine: keys are sorted, lines never fold,
 * nothing is aliased, and texts of several lines stand as blocks.
 */
export function toYaml(value: unknown): string {
  return stringify(value, {
    sortMapEntries: true,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    blockQuote: "literal",
    // Kubernetes and Prometheus read YAML 1.1, where a bare `on` or `no` is a boolean.
    compat: "yaml-1.1",
    indent: 2,
  });
}
