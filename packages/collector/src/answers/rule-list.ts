import { createHash } from "node:crypto";
import {
  parameter,
  ParameterError,
  parametersNamed,
  success,
  type Answer,
  type Parameters,
} from "../api/index.ts";
import { compileMatcher, type Matcher } from "../model/index.ts";
import { selectorsOf } from "./matchers.ts";

interface ListedRule {
  readonly name: string;
  readonly type: "alerting" | "recording";
  readonly labels: Readonly<Record<string, string>>;
}

interface ListedGroup {
  readonly name: string;
  readonly file: string;
  readonly rules: readonly ListedRule[];
}

/**
 * `GET|POST /api/v1/rules`: groups as they are given, without what the parameters leave out; a group without rules left is left out.
 * @throws ParameterError
 * @see Prometheus HTTP API, "Rules"
 */
export function answerRules(parameters: Parameters, groups: readonly ListedGroup[]): Answer {
  const isWanted = ruleFilter(parameters);
  const groupNames = wordsOf(parameters, "rule_group[]");
  const files = wordsOf(parameters, "file[]");
  const show = hidesAlerts(parameters)
    ? (rule: ListedRule): object => (rule.type === "alerting" ? { ...rule, alerts: null } : rule)
    : (rule: ListedRule): object => rule;
  const { groupsMax, token } = pageOf(parameters);
  const first = token === "" ? 0 : groups.findIndex((group) => tokenOf(group) === token);
  if (first < 0) {
    throw new ParameterError(
      "group_next_token",
      `invalid group_next_token '${token}'. were rule groups changed?`,
    );
  }
  const found = groups
    .slice(first)
    .filter(({ name, file }) => (groupNames?.has(name) ?? true) && (files?.has(file) ?? true))
    .map((group) => ({ ...group, rules: group.rules.filter(isWanted) }))
    .filter(({ rules }) => rules.length > 0);
  const next = found[groupsMax];
  const page = found.slice(0, groupsMax).map((group) => ({ ...group, rules: group.rules.map(show) }));
  return success(
    JSON.stringify({ groups: page, ...(next === undefined ? {} : { groupNextToken: tokenOf(next) }) }),
  );
}

function ruleFilter(parameters: Parameters): (rule: ListedRule) => boolean {
  const type = (parameter(parameters, "type") ?? "").toLowerCase();
  if (type !== "" && type !== "alert" && type !== "record")
    throw new ParameterError("type", `not supported value ${JSON.stringify(type)}`);
  const names = wordsOf(parameters, "rule_name[]");
  const selectors = selectorsOf(parameters).map((matchers) => labelFilter(matchers));
  return (rule) =>
    (type === "" || (type === "alert") === (rule.type === "alerting")) &&
    (names?.has(rule.name) ?? true) &&
    (selectors.length === 0 || selectors.some((matches) => matches(rule.labels)));
}

function labelFilter(matchers: readonly Matcher[]): (labels: ListedRule["labels"]) => boolean {
  const compiled = matchers.map((matcher) => ({ name: matcher.name, accepts: compileMatcher(matcher) }));
  return (labels) => compiled.every(({ name, accepts }) => accepts(labels[name] ?? ""));
}

/** Undefined: any. */
function wordsOf(parameters: Parameters, name: string): ReadonlySet<string> | undefined {
  const words = parametersNamed(parameters, name);
  return words.length === 0 ? undefined : new Set(words);
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...["", "0", "f", "false"].map((text) => [text, false] as const),
  ...["1", "t", "true"].map((text) => [text, true] as const),
]);

function hidesAlerts(parameters: Parameters): boolean {
  const text = (parameter(parameters, "exclude_alerts") ?? "").toLowerCase();
  const hides = booleans.get(text);
  if (hides !== undefined) return hides;
  throw new ParameterError(
    "exclude_alerts",
    `error converting exclude_alerts: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function pageOf(parameters: Parameters): { readonly groupsMax: number; readonly token: string } {
  const limit = parameter(parameters, "group_limit") ?? "";
  const token = parameter(parameters, "group_next_token") ?? "";
  if (limit === "") {
    if (token === "") return { groupsMax: Infinity, token };
    throw new ParameterError(
      "group_next_token",
      "group_limit needs to be present in order to paginate over the groups",
    );
  }
  if (!/^[+-]?\d{1,9}$/.test(limit)) {
    const reason = `strconv.ParseInt: parsing ${JSON.stringify(limit)}: invalid syntax`;
    throw new ParameterError("group_limit", `group_limit needs to be a valid number: ${reason}`);
  }
  if (Number(limit) <= 0) throw new ParameterError("group_limit", "group_limit needs to be greater than 0");
  return { groupsMax: Number(limit), token };
}

/** Names a group from one request to the next, as Prometheus does. */
const tokenOf = ({ file, name }: ListedGroup) => createHash("sha256").update(`${file};${name}`).digest("hex");
