import { expect, test } from "vitest";
import { formatExposition } from "./exposition.ts";

test("families are written with help, type and escaped labels", () => {
  const text = formatExposition([
    {
      name: "a_total",
      help: "Back\\slash and\nnewline.",
      type: "counter",
      samples: [
        { labels: {}, value: 1 },
        { labels: { x: 'q"b\\n\n', y: 2, z: undefined }, value: 1.5e-7 },
      ],
    },
    {
      name: "b",
      help: "B.",
      type: "gauge",
      samples: [Infinity, -Infinity, Number.NaN, -0.5].map((value, i) => ({ labels: { i }, value })),
    },
    { name: "c", help: "Empty.", type: "histogram", samples: [] },
  ]);
  expect(text).toBe(`# HELP a_total Back\\\\slash and\\nnewline.
# TYPE a_total counter
a_total 1
a_total{x="q\\"b\\\\n\\n",y="2"} 1.5e-7
# HELP b B.
# TYPE b gauge
b{i="0"} +Inf
b{i="1"} -Inf
b{i="2"} NaN
b{i="3"} -0.5
# HELP c Empty.
# TYPE c histogram
`);
});
