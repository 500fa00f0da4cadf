import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FunctionContext } from "./function.ts";
import { TemplateProblem } from "./problem.ts";
import { parseRuleTemplate } from "./template.ts";
import { mapOf } from "./value.ts";

const context: FunctionContext = {
  nowMs: 1_700_000_000_123,
  externalUrl: "http://collector.example:4004/base",
  query(expression) {
    if (expression === "bad") throw new TemplateProblem("1:1: parse error: no");
    if (expression === "none") return { kind: "list", items: [] };
    return {
      kind: "list",
      items: [
        { kind: "sample", labels: mapOf({ __name__: "m", zone: "b", __value__: "x" }), value: 11 },
        { kind: "sample", labels: mapOf({ __name__: "m", zone: "a" }), value: 2.5 },
      ],
    };
  },
};

const data = {
  labels: { __name__: "m", instance: "db-1.example.com:9100", job: "api", path: "/a b" },
  externalLabels: { cluster: "eu" },
  externalUrl: context.externalUrl,
};

function expand(text: string, value = 1.5): string {
  try {
    return parseRuleTemplate("Demo", text).expand({ ...data, value }, context).text;
  } catch (cause) {
    if (cause instanceof TemplateProblem) return `PARSE ${cause.message}`;
    throw cause;
  }
}

interface GoldenCase {
  readonly text: string;
  readonly value: number;
  readonly want: string;
}

// Expanded by Prometheus 3.14's own template package with the same data; messages and their places included.
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "__golden__", "prometheus.json"), "utf8"),
) as GoldenCase[];

test("templates expand as in Prometheus, and fail in its words", () => {
  expect(golden.length).toBeGreaterThan(400);
  const differing = golden
    .map(({ text, value, want }) => ({ text, value, want, got: expand(text, value) }))
    .filter(({ want, got }) => want !== got);
  expect(differing).toEqual([]);
});

test("a value that no number format can carry stays readable", () => {
  expect(expand("{{ $value }} {{ $value | humanize }} {{ humanizeDuration $value }}", Number.NaN)).toBe(
    "NaN NaN NaN",
  );
  expect(expand("{{ $value }} {{ humanizePercentage $value }}", Number.POSITIVE_INFINITY)).toBe("+Inf +Inf%");
});

test("a template without end is stopped, with its place", () => {
  expect(expand("{{ range 1000000000 }}x{{ end }}")).toContain("at most 100000 steps");
  expect(expand("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}")).toContain(
    "takes more than 100000 steps",
  );
  expect(expand(`{{ range 1000 }}${"x".repeat(100)}{{ end }}`)).toContain("longer than 65536 characters");
  expect(expand('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}')).toContain(
    "exceeded maximum template depth",
  );
  expect(expand(`{{ ${"(".repeat(200)}1${")".repeat(200)} }}`)).toContain("max expression depth exceeded");
});

test("a text without actions stays as it is", () => {
  expect(expand("50% of } { it")).toBe("50% of } { it");
});

test("any text either expands or is refused by a problem of the template, never by a crash", () => {
  const pieces = [
    "{{",
    "}}",
    " ",
    "|",
    "(",
    ")",
    ".",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "-",
    "range",
    "end",
    "if",
    "else",
    "with",
    "define",
    "template",
    '"a"',
    "`b`",
    "'c'",
    "1",
    "2.5",
    "nil",
    "true",
    "printf",
    "index",
    "query",
    "humanize",
    ".Labels",
    "$labels.job",
    "len",
    "first",
    "\n",
    "/*",
    "*/",
    "é",
  ];
  let seed = 7;
  const next = (limit: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % limit;
  };
  for (let round = 0; round < 5_000; round += 1) {
    const words = Array.from({ length: 1 + next(12) }, () => pieces[next(pieces.length)]);
    expect(typeof expand(words.join(next(2) === 0 ? " " : ""))).toBe("string");
    expect(typeof expand(`{{ ${words.join(" ")} }}`)).toBe("string");
  }
});
