import {
  compileExpression,
  compileMatcher,
  compileWholeExpression,
  CollectorError,
  conditionFields,
  nearest,
  type AttributeLevel,
  type AttributeValue,
  type Condition,
  type ConditionField,
  type DropRule,
  type MatchOperator,
  type ProcessRules,
  type ProcessSignal,
  type RedactPlace,
} from "../model/index.ts";

type SignalName = "traces" | "logs" | "metrics";

/** The section `process` after the schema's check. */
export interface RawProcess {
  drop: Record<string, { signals: SignalName[]; match: string[] }>;
  redact: Record<
    string,
    { signals: SignalName[]; keys: string[]; values: string[]; also: RedactPlace[]; mask: string }
  >;
  rename: Record<
    "attributes" | "resource_attributes" | "span_names" | "metric_names",
    Record<string, string>
  >;
  resource: Record<"insert" | "upsert", Record<string, AttributeValue>>;
}

const signals = {
  type: "array",
  minItems: 1,
  uniqueItems: true,
  items: { enum: ["traces", "logs", "metrics"] },
};
const expressions = { type: "array", default: [], items: { type: "string", minLength: 1 } };
const renames = (description: string): object => ({
  type: "object",
  default: {},
  description,
  additionalProperties: { type: "string", minLength: 1 },
});
const additions = (description: string): object => ({
  type: "object",
  default: {},
  description,
  additionalProperties: { type: ["string", "number", "boolean"] },
});
const rules = (description: string, rule: object): object => ({
  type: "object",
  default: {},
  description,
  propertyNames: { pattern: "^[a-z][a-z0-9_-]*$" },
  additionalProperties: { type: "object", additionalProperties: false, ...rule },
});

/** The section's properties, in the order in which its parts are applied. */
export const processProperties: Record<string, object> = {
  drop: rules("Named rules; an item that fulfils every condition of one is dropped and counted.", {
    required: ["signals", "match"],
    properties: {
      signals,
      match: {
        type: "array",
        minItems: 1,
        items: { type: "string" },
        description:
          'Conditions of the form FIELD OPERATOR VALUE with =, !=, =~ and !~ (RE2 of the whole value), such as "name =~ GET /(livez|readyz)".',
      },
    },
  }),
  redact: rules("Named rules; what they mask is counted.", {
    properties: {
      signals: { ...signals, default: ["traces", "logs", "metrics"] },
      keys: {
        ...expressions,
        description: "RE2 of whole keys, nested ones too; all that stands under one is masked.",
      },
      values: { ...expressions, description: "RE2 of any part of a text or integer; the part is masked." },
      also: {
        type: "array",
        uniqueItems: true,
        default: [],
        items: { enum: ["body", "name", "status_message"] },
        description:
          "Besides attributes: bodies of logs, names of spans and events, messages of span statuses.",
      },
      mask: { type: "string", default: "****" },
    },
  }),
  rename: {
    type: "object",
    additionalProperties: false,
    default: {},
    properties: {
      attributes: renames(
        "Old key: new key, of attributes of spans, events, links, logs, data points and scopes.",
      ),
      resource_attributes: renames("Old key: new key, of attributes of resources."),
      span_names: renames("RE2 of a whole span name: new name, in which $1 is a group."),
      metric_names: renames("RE2 of a whole metric name: new name, in which $1 is a group."),
    },
  },
  resource: {
    type: "object",
    additionalProperties: false,
    default: {},
    properties: {
      insert: additions("Attributes that a resource gets where it lacks them."),
      upsert: additions("Attributes that a resource gets whether or not it has them."),
    },
  },
};

/** Something wrong with the section, and where. */
export interface ProcessProblem {
  readonly path: string[];
  readonly message: string;
}

const streamOf = { traces: "spans", logs: "logs", metrics: "metrics" } as const;

/** The section's rules; undefined when it has none, so that nothing is done for them. Problems go to `report`. */
export function parseProcess(
  raw: RawProcess,
  report: (problem: ProcessProblem) => void,
): ProcessRules | undefined {
  const check = (path: string[], compile: () => unknown) => {
    try {
      compile();
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
      report({ path: ["process", ...path], message: `${error.message}${cause}: RE2 is the language here` });
    }
  };
  const drop = Object.entries(raw.drop).map(([name, rule]): DropRule => {
    const wanted = rule.signals.map((signal) => streamOf[signal]);
    const conditions = rule.match.flatMap((text, index) => {
      const path = ["drop", name, "match", String(index)];
      const condition = parseCondition(text, rule.signals);
      if (typeof condition === "string") {
        report({ path: ["process", ...path], message: condition });
        return [];
      }
      check(path, () => compileMatcher({ name: "", operator: condition.operator, value: condition.value }));
      return [condition];
    });
    return { name, signals: wanted, conditions };
  });
  const redact = Object.entries(raw.redact).map(([name, rule]) => {
    if (rule.keys.length === 0 && rule.values.length === 0)
      report({
        path: ["process", "redact", name],
        message: "says neither keys nor values: name what to mask",
      });
    for (const [index, expression] of rule.keys.entries())
      check(["redact", name, "keys", String(index)], () => compileWholeExpression(expression));
    for (const [index, expression] of rule.values.entries()) {
      const path = ["redact", name, "values", String(index)];
      check(path, () => {
        if (compileExpression(expression).test(""))
          report({
            path: ["process", ...path],
            message: "matches the empty text, that is everywhere: ask for at least one character",
          });
      });
    }
    return { ...rule, name, signals: rule.signals.map((signal) => streamOf[signal]) };
  });
  for (const [kind, renamed] of Object.entries(raw.rename)) {
    for (const expression of Object.keys(renamed)) {
      const path = ["rename", kind, expression];
      if (expression === "") report({ path: ["process", ...path], message: "the old name is empty" });
      if (kind.endsWith("_names")) check(path, () => compileWholeExpression(expression));
    }
  }
  const { rename, resource } = raw;
  for (const key of Object.keys(resource.insert).filter((name) => Object.hasOwn(resource.upsert, name)))
    report({
      path: ["process", "resource", "insert", key],
      message: "stands under upsert as well: choose one",
    });
  const all = [...Object.values(rename), ...Object.values(resource)];
  if (drop.length + redact.length === 0 && all.every((entries) => Object.keys(entries).length === 0))
    return undefined;
  return {
    drop,
    redact,
    rename: {
      attributes: mapOf(rename.attributes),
      resourceAttributes: mapOf(rename.resource_attributes),
      spanNames: mapOf(rename.span_names),
      metricNames: mapOf(rename.metric_names),
    },
    resource: { insert: mapOf(resource.insert), upsert: mapOf(resource.upsert) },
  };
}

const mapOf = <T>(entries: Readonly<Record<string, T>>): ReadonlyMap<string, T> =>
  new Map(Object.entries(entries));

const attributeLevels: readonly AttributeLevel[] = ["resource.attributes", "scope.attributes", "attributes"];

/** A condition, or what is wrong with it. */
function parseCondition(text: string, signalNames: readonly SignalName[]): Condition | string {
  const match = /^\s*([^\s=!~]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text);
  if (match === null)
    return `${JSON.stringify(text)} is no condition: write FIELD OPERATOR VALUE, such as attributes.http.route = /cart`;
  const [, field, operator, value] = match as unknown as [string, string, MatchOperator, string];
  const level = attributeLevels.find((name) => field.startsWith(`${name}.`));
  if (level !== undefined) {
    const key = field.slice(level.length + 1);
    return key === ""
      ? `${field} names no attribute: write its key behind the dot`
      : { field: level, key, operator, value };
  }
  if (!Object.hasOwn(conditionFields, field)) {
    const known = [...Object.keys(conditionFields), ...attributeLevels.map((name) => `${name}.KEY`)];
    const near = nearest(field, known);
    return `unknown field ${field}; ${near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`}`;
  }
  const having: readonly ProcessSignal[] = conditionFields[field as ConditionField];
  const lacking = signalNames.filter((signal) => !having.includes(streamOf[signal]));
  if (lacking.length > 0)
    return `${lacking.join(" and ")} have no ${field}: take them out of the rule's signals`;
  return { field: field as ConditionField, key: "", operator, value };
}
