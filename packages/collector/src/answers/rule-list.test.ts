import { expect, test } from "vitest";
import { ParameterError } from "../api/index.ts";
import { answerRules } from "./rule-list.ts";

const rule = (name: string, type: "alerting" | "recording", labels: Record<string, string> = {}) =>
  type === "alerting"
    ? { name, type, labels, alerts: [{ state: "firing", labels }] }
    : { name, type, labels };
const groups = [
  {
    name: "one",
    file: "a.yaml",
    rules: [rule("Down", "alerting", { severity: "page" }), rule("x:rate", "recording")],
  },
  { name: "two", file: "a.yaml", rules: [rule("Slow", "alerting", { severity: "ticket" })] },
  { name: "one", file: "b.yaml", rules: [rule("y:rate", "recording", { severity: "page" })] },
];

const ask = (...parameters: (readonly [string, string])[]) =>
  (
    JSON.parse(answerRules(parameters, groups).body) as {
      data: {
        groups: { name: string; file: string; rules: { name: string; alerts?: unknown }[] }[];
        groupNextToken?: string;
      };
    }
  ).data;
const names = (...parameters: (readonly [string, string])[]) =>
  ask(...parameters).groups.map(({ rules }) => rules.map(({ name }) => name));

test("without parameters every group is there as it was given", () => {
  expect(ask()).toEqual({ groups });
});

test.each([
  [[["type", "alert"]], [["Down"], ["Slow"]]],
  [[["type", "record"]], [["x:rate"], ["y:rate"]]],
  [
    [
      ["rule_name[]", "Slow"],
      ["rule_name[]", "x:rate"],
    ],
    [["x:rate"], ["Slow"]],
  ],
  [[["rule_group[]", "one"]], [["Down", "x:rate"], ["y:rate"]]],
  [[["file[]", "b.yaml"]], [["y:rate"]]],
  [
    [
      ["rule_group[]", "one"],
      ["file[]", "a.yaml"],
      ["type", "alert"],
    ],
    [["Down"]],
  ],
  [[["match[]", `{severity="page"}`]], [["Down"], ["y:rate"]]],
  [
    [
      ["match[]", `{severity=~"t.*"}`],
      ["match[]", `{severity="page"}`],
    ],
    [["Down"], ["Slow"], ["y:rate"]],
  ],
  [[["rule_name[]", "none"]], []],
] as const)("with %j the rules left are %j", (parameters, expected) => {
  expect(names(...parameters)).toEqual(expected);
});

test("alerts may be left out", () => {
  const [first] = ask(["exclude_alerts", "true"], ["rule_name[]", "Down"]).groups;
  expect(first!.rules).toEqual([
    { name: "Down", type: "alerting", labels: { severity: "page" }, alerts: null },
  ]);
});

test("pages of groups follow each other by a token", () => {
  const pages: string[][][] = [];
  let token: string | undefined = "";
  while (token !== undefined) {
    const page = ask(["group_limit", "1"], ...(token === "" ? [] : [["group_next_token", token] as const]));
    pages.push(page.groups.map(({ name, file }) => [file, name]));
    token = page.groupNextToken;
  }
  expect(pages).toEqual([[["a.yaml", "one"]], [["a.yaml", "two"]], [["b.yaml", "one"]]]);
});

test.each([
  [[["type", "x"]], `invalid parameter "type": not supported value "x"`],
  [
    [["exclude_alerts", "maybe"]],
    `invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "maybe": invalid syntax`,
  ],
  [[["group_limit", "0"]], `invalid parameter "group_limit": group_limit needs to be greater than 0`],
  [
    [["group_limit", "x"]],
    `invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  [
    [["group_next_token", "x"]],
    `invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups`,
  ],
  [
    [
      ["group_limit", "1"],
      ["group_next_token", "x"],
    ],
    `invalid parameter "group_next_token": invalid group_next_token 'x'. were rule groups changed?`,
  ],
] as const)("%j is refused in Prometheus' words", (parameters, message) => {
  expect(() => answerRules(parameters, groups)).toThrow(new ParameterError(undefined, message));
});
