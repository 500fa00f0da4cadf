import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "vitest";
import { parseExpression } from "./parse.ts";

/** Whether the editor's grammar of Prometheus takes the text without an error. */
function isInGrammar(text: string): boolean {
  let hasError = false;
  parser.parse(text).iterate({
    enter(node) {
      hasError ||= node.type.isError;
    },
  });
  return !hasError;
}

const expressions = [
  'sum by (a, "b.c") (rate(x_total{job="a", i!~"b|c"}[5m] offset 1m)) > 0.5',
  "a + on (x) group_left (y) b * 2 ^ -3",
  "topk(3, max without (z) (foo @ start()))",
  "histogram_quantile(0.9, sum by (le) (rate(lat_bucket[5m])))",
  'label_replace(up, "a", "$1", "b", "(.*)")',
  "sum_over_time((a or b)[30m:1m] @ 1234.5 offset -5m)",
  '{"my.metric", "l.x"="y"} and ignoring (q) z unless w',
  "absent(nope{a='x'}) == bool 1",
  "x[5m + 2m:step()]",
  "a + fill_left(1) fill_right(2) b",
  "foo[5m] anchored",
  "time() - timestamp(x) atan2 y",
];

test.each(expressions)("%s is PromQL by Prometheus' own grammar as well", (text) => {
  parseExpression(text, { experimentalFunctions: true, fillModifiers: true, extendedRangeSelectors: true });
  expect(isInGrammar(text)).toBe(true);
});

// Why we have a parser of our own: Prometheus takes these, its editor's grammar does not.
test.each(["2.", "offset", "0X1F"])("%s parses although the grammar refuses it", (text) => {
  expect(isInGrammar(text)).toBe(false);
  expect(() => parseExpression(text)).not.toThrow();
});
