import { metricNameLabel, type Matcher } from "../model/index.ts";
import type { AtModifier, Binary, DurationNode, Expression, Node, VectorSelector } from "./ast.ts";
import { formatPlain, formatGeneral } from "./format-value.ts";
import { printedName } from "./label-edit.ts";
import { formatDurationMs } from "./literal.ts";
import { literalMs } from "./parse-duration.ts";
import { quoted } from "./position.ts";

const labelList = (labels: readonly string[]): string => labels.map(printedName).join(", ");

function formatDuration(node: DurationNode): string {
  switch (node.kind) {
    case "number":
      return formatDurationMs(literalMs(node.value));
    case "duration call":
      return `${node.name}()`;
    case "duration operation": {
      const right = formatDurationPart(node.right);
      if (node.operator === "min_of" || node.operator === "max_of") {
        return `${node.operator}(${formatDurationPart(node.left!)}, ${right})`;
      }
      const text =
        node.left === undefined ? `-${right}` : `${formatDurationPart(node.left)} ${node.operator} ${right}`;
      return node.isWrapped ? `(${text})` : text;
    }
  }
}

/** A part of a computed duration: numbers stay numbers there. */
function formatDurationPart(node: DurationNode): string {
  return node.kind === "number" && !node.isDuration ? formatPlain(node.value) : formatDuration(node);
}

function formatModifiers(
  at: AtModifier | undefined,
  offset: DurationNode | undefined,
  extension = "",
): string {
  let text = "";
  if (at !== undefined)
    text += at.kind === "time" ? ` @ ${(at.timeMs / 1000).toFixed(3)}` : ` @ ${at.kind}()`;
  if (extension !== "") text += ` ${extension}`;
  const isZero = offset?.kind === "number" && literalMs(offset.value) === 0;
  return offset === undefined || isZero ? text : `${text} offset ${formatDuration(offset)}`;
}

const formatMatcher = ({ name, operator, value }: Matcher): string =>
  `${printedName(name)}${operator}${quoted(value)}`;

function formatSelector({ name, matchers }: VectorSelector): string {
  const shown = matchers.filter(
    (matcher) =>
      !(
        matcher.name === metricNameLabel &&
        matcher.operator === "=" &&
        matcher.value === name &&
        name !== ""
      ),
  );
  if (shown.length === 0) return name === "" ? "{}" : name;
  return `${name}{${shown.map(formatMatcher).sort().join(",")}}`;
}

function formatMatching({ matching, returnBool }: Binary): string {
  const { labels, on, cardinality, include, fillLeft, fillRight } = matching;
  const isGrouped = cardinality === "many-to-one" || cardinality === "one-to-many";
  let text = returnBool ? " bool" : "";
  if (labels.length > 0 || on || isGrouped) text += ` ${on ? "on" : "ignoring"} (${labelList(labels)})`;
  if (isGrouped) text += ` group_${cardinality === "many-to-one" ? "left" : "right"} (${labelList(include)})`;
  if (fillLeft !== undefined && fillLeft === fillRight) return `${text} fill (${formatGeneral(fillLeft)})`;
  if (fillLeft !== undefined) text += ` fill_left (${formatGeneral(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${formatGeneral(fillRight)})`;
  return text;
}

/** A node as Prometheus prints it, in one line. */
function formatNode(node: Node): string {
  switch (node.kind) {
    case "number":
      return node.isDuration ? formatDurationMs(node.value * 1000) : formatPlain(node.value);
    case "string":
      return quoted(node.value);
    case "vector selector":
      return formatSelector(node) + formatModifiers(node.at, node.offset, node.extension);
    case "range selector": {
      const { selector, range } = node;
      const extension = selector.extension === undefined ? "" : ` ${selector.extension}`;
      const modifiers = formatModifiers(selector.at, selector.offset);
      return `${formatSelector(selector)}[${formatDuration(range)}]${extension}${modifiers}`;
    }
    case "subquery": {
      const step = node.step === undefined ? "" : formatDuration(node.step);
      return `${formatNode(node.inner)}[${formatDuration(node.range)}:${step}]${formatModifiers(node.at, node.offset)}`;
    }
    case "call":
      return `${node.name}(${node.args.map(formatNode).join(", ")})`;
    case "aggregation": {
      const word = node.without ? "without" : "by";
      const hasClause = node.without || node.grouping.length > 0;
      const clause = hasClause ? ` ${word} (${labelList(node.grouping)}) ` : "";
      const parameter = node.parameter === undefined ? "" : `${formatNode(node.parameter)}, `;
      return `${node.operator}${clause}(${parameter}${formatNode(node.inner)})`;
    }
    case "binary":
      return `${formatNode(node.left)} ${node.operator}${formatMatching(node)} ${formatNode(node.right)}`;
    case "unary":
      return `${node.operator}${formatNode(node.inner)}`;
    case "paren":
      return `(${formatNode(node.inner)})`;
  }
}

/** An expression in Prometheus' canonical form, in one line; it parses to the same. */
export function formatExpression({ root }: Expression): string {
  return formatNode(root);
}
