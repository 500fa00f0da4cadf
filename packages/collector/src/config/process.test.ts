import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const parse = (text: string) => parseConfig(text, { file: "quartet.yaml", env: {} }).process;
const problemsOf = (text: string): string[] => {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
};

test("without the section, and with an empty one, there is nothing to do", () => {
  expect(parse("")).toBeUndefined();
  expect(parse("process: { drop: {}, rename: { attributes: {} } }")).toBeUndefined();
});

test("conditions are a field, an operator and the rest of the line", () => {
  const text = `
process:
  drop:
    probes:
      signals: [traces]
      match:
        - name =~ GET /(livez|readyz)
        - resource.attributes.service.name = shop
        - attributes.http.route !=
`;
  expect(parse(text)?.drop).toEqual([
    {
      name: "probes",
      signals: ["spans"],
      conditions: [
        { field: "name", key: "", operator: "=~", value: "GET /(livez|readyz)" },
        { field: "resource.attributes", key: "service.name", operator: "=", value: "shop" },
        { field: "attributes", key: "http.route", operator: "!=", value: "" },
      ],
    },
  ]);
});

test("a redaction reaches every signal and masks with stars when nothing else is said", () => {
  expect(parse("process: { redact: { secrets: { keys: ['.*password.*'] } } }")?.redact).toEqual([
    {
      name: "secrets",
      signals: ["spans", "logs", "metrics"],
      keys: [".*password.*"],
      values: [],
      also: [],
      mask: "****",
    },
  ]);
});

test("values of added attributes keep their type", () => {
  const text = "process: { resource: { insert: { a: x, b: 1.5 }, upsert: { c: true } } }";
  expect(parse(text)?.resource).toEqual({
    insert: new Map<string, unknown>([
      ["a", "x"],
      ["b", 1.5],
    ]),
    upsert: new Map([["c", true]]),
  });
});

test.each([
  [
    "process:\n  drop:\n    a: { signals: [traces], match: [nmae = x] }",
    "quartet.yaml:3:37: process.drop.a.match.0: unknown field nmae; did you mean name?",
  ],
  [
    "process:\n  drop:\n    a: { signals: [traces, logs], match: [kind = SPAN_KIND_SERVER] }",
    "quartet.yaml:3:43: process.drop.a.match.0: logs have no kind: take them out of the rule's signals",
  ],
  [
    "process:\n  drop:\n    a: { signals: [logs], match: [body] }",
    'quartet.yaml:3:35: process.drop.a.match.0: "body" is no condition: write FIELD OPERATOR VALUE, such as attributes.http.route = /cart',
  ],
  [
    "process:\n  drop:\n    a: { signals: [logs], match: [attributes. = x] }",
    "quartet.yaml:3:35: process.drop.a.match.0: attributes. names no attribute: write its key behind the dot",
  ],
  [
    "process:\n  redact:\n    a: { values: ['x', 'a)|(b'] }",
    'quartet.yaml:3:24: process.redact.a.values.1: invalid regular expression "a)|(b"',
  ],
  [
    "process:\n  redact:\n    a: { values: ['x*'] }",
    "quartet.yaml:3:19: process.redact.a.values.0: matches the empty text, that is everywhere: ask for at least one character",
  ],
  [
    "process:\n  redact:\n    a: { mask: x }",
    "quartet.yaml:3:5: process.redact.a: says neither keys nor values",
  ],
  [
    "process:\n  rename:\n    span_names: { '(': x }",
    'quartet.yaml:3:19: process.rename.span_names.(: invalid regular expression "("',
  ],
  [
    "process:\n  resource:\n    insert: { a: 1 }\n    upsert: { a: 2 }",
    "quartet.yaml:3:15: process.resource.insert.a: stands under upsert as well: choose one",
  ],
  ["process:\n  dorp: {}", "quartet.yaml:2:3: process.dorp: unknown key; did you mean drop?"],
  ["process: { drop: { a: { match: ['name = x'] } } }", "process.drop.a: lacks the key signals"],
])("%j is refused with its place and the mend", (text, problem) => {
  expect(problemsOf(text).join("\n")).toContain(problem);
});
