import type { RE2JS } from "re2js";
import { labelValue, metricNameLabel, re2 } from "../../model/index.ts";
import { mergeEqualRows, type Block } from "../block.ts";
import { withLabel } from "../label-edit.ts";
import { executionError } from "../execution-error.ts";

/** Sets a label of a row; a name that is set on purpose is kept. */
function relabel(block: Block, row: number, name: string, value: string): void {
  block.labels[row] = withLabel(block.labels[row]!, name, value);
  if (name === metricNameLabel) block.dropsName[row] = false;
}

/** `$1`, `${1}`, `$name` and `${name}` of a template as Go's Regexp.Expand reads them; `$$` is a dollar sign. */
function expand(template: string, group: (name: string) => string): string {
  return template.replace(
    /\$(?:\$|\{(\w+)\}|(\w+)|)/g,
    (found, braced: string | undefined, bare: string | undefined) => {
      if (found === "$$") return "$";
      const name = braced ?? bare;
      return name === undefined ? found : group(name);
    },
  );
}

interface Replacement {
  readonly target: string;
  readonly template: string;
  readonly source: string;
  readonly expression: string;
}

/** label_replace: where the source label matches as a whole, the target becomes the template filled in. */
export function replaceLabel(block: Block, { target, template, source, expression }: Replacement): Block {
  let pattern: RE2JS;
  try {
    pattern = re2().RE2JS.compile(`^(?s:${expression})$`);
  } catch {
    throw executionError(`invalid regular expression in label_replace(): ${expression}`);
  }
  if (target === "") throw executionError("invalid destination label name in label_replace(): ");
  for (let row = 0; row < block.labels.length; row += 1) {
    const matcher = pattern.matcher(labelValue(block.labels[row]!, source));
    if (!matcher.matches()) continue;
    const value = expand(template, (name) => {
      if (/^\d+$/.test(name)) {
        const index = Number(name);
        return index <= matcher.groupCount() ? (matcher.group(index) ?? "") : "";
      }
      return Object.hasOwn(pattern.namedGroups(), name) ? (matcher.group(name) ?? "") : "";
    });
    relabel(block, row, target, value);
  }
  return mergeEqualRows(block);
}

/** label_join: the target becomes the values of the sources with a separator between. */
export function joinLabels(
  block: Block,
  {
    target,
    separator,
    sources,
  }: { readonly target: string; readonly separator: string; readonly sources: readonly string[] },
): Block {
  if (sources.includes("")) throw executionError("invalid source label name in label_join(): ");
  if (target === "") throw executionError("invalid destination label name in label_join(): ");
  for (let row = 0; row < block.labels.length; row += 1) {
    const value = sources.map((source) => labelValue(block.labels[row]!, source)).join(separator);
    relabel(block, row, target, value);
  }
  return mergeEqualRows(block);
}
