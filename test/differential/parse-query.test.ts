import { expect, test } from "vitest";
import { expressionTree, parseExpression } from "../../packages/collector/src/promql/index.ts";
import { describeWithParts, startPrometheus } from "../parts/index.ts";
import { randomExpression } from "./expression.ts";
import { createRandom } from "./random.ts";

/** Every kind of node, with every field of it set and unset; but for a plus before `step()` and `range()`, which our parser does not keep. */
const expressions = [
  "1",
  "-1.5e-7",
  "1e21",
  "0x1F",
  "NaN",
  "-Inf",
  "5m",
  "1h30m",
  `"a \\"string\\" <&>"`,
  "foo",
  "{__name__='foo',a!='b',c=~'d.*',e!~'f|g'}",
  `{"quoted.name", "label.name"="x"}`,
  "foo{a='b',c='d'}",
  "foo offset 5m",
  "foo offset -1h",
  "foo offset 90",
  "foo offset 0s",
  "foo @ 1609746000.5",
  "foo @ -10",
  "foo @ 0",
  "foo @ start()",
  "foo @ end() offset 1m",
  "foo offset step()",
  "foo offset -(step() * 2)",
  "foo offset (1m + 30s)",
  "foo offset -range()",
  "foo[5m]",
  "foo[90]",
  "foo[1.5]",
  "foo{a='b'}[5m] offset 1m @ 100",
  "foo[step()]",
  "foo[range() / 2]",
  "foo[(step() + 1m) * 2]",
  "foo[max_of(step(), 5m)]",
  "foo[min_of(range(), 2 ^ 3)]",
  "foo[5m * 2]",
  "foo[-1m + 3m]",
  "foo[10m % 7m] @ end()",
  "foo[5m] anchored",
  "foo[5m] smoothed offset 1m",
  "foo smoothed",
  "foo[1h:]",
  "foo[1h:5m]",
  "rate(foo[5m])[1h:1m] offset 2m @ start()",
  "foo[1h:step()]",
  "foo[range():step() + 1] offset step()",
  "(foo)",
  "((1))",
  "-foo",
  "+foo",
  "-(foo + bar)",
  "- - foo",
  "sum(foo)",
  "sum by () (foo)",
  "sum by (a, b) (foo)",
  "avg without (a) (foo)",
  "topk(3, foo)",
  "bottomk by (a) (1 + 1, foo)",
  "quantile(0.9, foo)",
  `count_values("version", foo)`,
  "limitk(2, foo)",
  "limit_ratio(-0.5, foo)",
  "stddev(foo) + stdvar(foo) + group(foo) + count(foo) + min(foo) + max(foo)",
  "time()",
  "pi()",
  "rate(foo[5m])",
  "round(foo)",
  "round(foo, 0.5)",
  "hour()",
  `label_join(foo, "a", "-", "b", "c")`,
  `label_replace(foo, "a", "$1", "b", "(.*)")`,
  `histogram_quantiles(foo, "q", 0.5, 0.9)`,
  "info(foo, {a='b'})",
  "scalar(foo)",
  "vector(1)",
  "start() + end() + step() + range()",
  "max_of(1, 2)",
  "absent_over_time(foo[5m])",
  "1 + 2",
  "foo + 1",
  "1 == bool 2",
  "foo > bool 1",
  "foo + bar",
  "foo / on (a) bar",
  "foo - ignoring (a, b) bar",
  "foo * on (a) group_left (c) bar",
  "foo % on (a) group_left bar",
  "foo ^ ignoring (a) group_right (c, d) bar",
  "foo atan2 bar",
  "foo and bar",
  "foo or on (a) bar",
  "foo unless ignoring (a) bar",
  "foo != bool on () bar",
  "foo </ 1",
  "foo >/ 1",
  "foo + fill (0) bar",
  "foo + on (a) fill_left (1) bar",
  "foo + on (a) fill_left (1) fill_right (-2.5) bar",
  "1 + 2 * 3 ^ 4 ^ 5 - 6",
  "foo or bar and baz unless qux == quux",
  "-2 ^ 2",
  "-foo ^ 2",
];

const randomCount = 300;

describeWithParts("parse_query beside Prometheus", ["prometheus"], () => {
  test(
    `the tree of every kind of node and of ${randomCount} random expressions is the same`,
    { timeout: 60_000 },
    async () => {
      await using prometheus = await startPrometheus({
        config: {},
        flags: [
          "--enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers,promql-duration-expr",
        ],
      });
      const random = createRandom(11);
      const texts = [
        ...expressions,
        ...Array.from({ length: randomCount }, () =>
          randomExpression({ random, times: [1_700_000_000, 1_700_000_300.5], depth: 4 }),
        ),
      ];
      const kinds = new Set<unknown>();
      for (const text of texts) {
        const response = await fetch(`${prometheus.url}/api/v1/parse_query`, {
          method: "POST",
          body: new URLSearchParams({ query: text }),
        });
        const theirs = (await response.json()) as { readonly data?: unknown; readonly error?: string };
        expect([text, ours(text)]).toEqual([text, theirs.data ?? { error: theirs.error }]);
        JSON.stringify(theirs.data, (name, value: unknown) => (name === "type" && kinds.add(value), value));
      }
      expect(kinds).toEqual(
        new Set(
          "aggregation binaryExpr call durationExpr matrixSelector numberLiteral parenExpr stringLiteral subquery unaryExpr vectorSelector = != =~ !~".split(
            " ",
          ),
        ),
      );
    },
  );
});

/** As it comes out of JSON; a refusal in the words of the API. */
function ours(text: string): unknown {
  try {
    const expression = parseExpression(text, {
      experimentalFunctions: true,
      extendedRangeSelectors: true,
      fillModifiers: true,
    });
    return JSON.parse(JSON.stringify(expressionTree(expression)));
  } catch (error) {
    return { error: `invalid parameter "query": ${(error as Error).message}` };
  }
}
