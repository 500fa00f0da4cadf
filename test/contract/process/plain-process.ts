import type {
  Condition,
  DropRule,
  ProcessRules,
  RedactPlace,
  RedactRule,
} from "../../../packages/collector/src/model/index.ts";
import type { Signal } from "../otlp/schema.ts";

// The process stage once more, on decoded requests and as plainly as possible: JavaScript objects and its own regular expressions.

/** A message of OTLP/JSON as protobufjs reads it. */
type Plain = Record<string, unknown>;

export interface Processed {
  readonly request: Plain;
  readonly itemCount: number;
  /** By the name of the rule. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly redacted: Readonly<Record<string, number>>;
}

const itemLists = ["spans", "logRecords", "dataPoints"];
const levelLists =
  /^(resource|scope)(Spans|Logs|Metrics)$|^(metrics|gauge|sum|histogram|exponentialHistogram|summary)$/;
const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const statuses = ["UNSET", "OK", "ERROR"];
const severities = ["UNSPECIFIED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const metricTypes: Record<string, string> = {
  gauge: "gauge",
  sum: "sum",
  histogram: "histogram",
  exponentialHistogram: "exponential_histogram",
  summary: "summary",
};

const whole = (expression: string) => new RegExp(`^(?:${expression})$`, "su");

export function processPlainly(signal: Signal, request: Plain, rules: ProcessRules): Processed {
  const dropped: Record<string, number> = {};
  const redacted: Record<string, number> = {};
  const drops = rules.drop.filter(({ signals }) => signals.includes(signal));
  const kept = drops.length === 0 ? { message: request } : keep(request, [], { signal, drops, dropped });
  const edited = edit({ signal, rules, redacted }, kept?.message ?? {}, "");
  return { request: edited, itemCount: countOf(edited), dropped, redacted };
}

interface Keeping {
  readonly signal: Signal;
  readonly drops: readonly DropRule[];
  readonly dropped: Record<string, number>;
}

/** The message without dropped items; undefined when it held items and holds none any more. */
function keep(
  message: Plain,
  around: readonly Plain[],
  keeping: Keeping,
): { readonly message: Plain } | undefined {
  const before = countOf(message);
  const path = [...around, message];
  const entries = Object.entries(message).flatMap(([name, value]) => {
    if (itemLists.includes(name)) {
      const items = (value as Plain[]).filter((item) => {
        const rule = keeping.drops.find(({ conditions }) =>
          conditions.every((condition) => isFulfilled(keeping.signal, condition, [...path, item])),
        );
        if (rule !== undefined) keeping.dropped[rule.name] = (keeping.dropped[rule.name] ?? 0) + 1;
        return rule === undefined;
      });
      return items.length > 0 ? [[name, items]] : [];
    }
    if (!levelLists.test(name)) return [[name, value]];
    if (!Array.isArray(value)) {
      const inner = keep(value as Plain, path, keeping);
      return inner === undefined ? [] : [[name, inner.message]];
    }
    const inner = (value as Plain[]).flatMap((each) => keep(each, path, keeping)?.message ?? []);
    return inner.length > 0 ? [[name, inner]] : [];
  });
  const left = Object.fromEntries(entries) as Plain;
  return around.length > 0 && before > 0 && countOf(left) === 0 ? undefined : { message: left };
}

function isFulfilled(
  signal: Signal,
  { field, key, operator, value }: Condition,
  path: readonly Plain[],
): boolean {
  const text = fieldText(signal, field, key, path);
  switch (operator) {
    case "=":
      return text === value;
    case "!=":
      return text !== value;
    case "=~":
      return whole(value).test(text);
    case "!~":
      return !whole(value).test(text);
  }
}

function fieldText(signal: Signal, field: Condition["field"], key: string, path: readonly Plain[]): string {
  const [, group, scopeGroup, metric] = path as [Plain, Plain, Plain, Plain];
  const item = path.at(-1)!;
  const scope = (scopeGroup["scope"] ?? {}) as Plain;
  switch (field) {
    case "resource.attributes":
      return attributeText((group["resource"] ?? {}) as Plain, key);
    case "scope.attributes":
      return attributeText(scope, key);
    case "attributes":
      return attributeText(item, key);
    case "name":
      return textAt(signal === "metrics" ? metric : item, "name");
    case "kind":
      return `SPAN_KIND_${kinds[Number(item["kind"] ?? 0)] ?? kinds[0]}`;
    case "status":
      return `STATUS_CODE_${statuses[Number((item["status"] as Plain | undefined)?.["code"] ?? 0)] ?? statuses[0]}`;
    case "event_name":
      return textAt(item, "eventName");
    case "severity":
      return severityOf(item);
    case "body":
      return scalarText(item["body"] as Plain | undefined);
    case "type":
      return metricTypes[Object.keys(metric).find((name) => name in metricTypes) ?? ""] ?? "";
    case "unit":
      return textAt(metric, "unit");
    case "scope.name":
      return textAt(scope, "name");
    case "scope.version":
      return textAt(scope, "version");
  }
}

function textAt(message: Plain, name: string): string {
  return (message[name] as string | undefined) ?? "";
}

function severityOf(item: Plain): string {
  const number = Number(item["severityNumber"] ?? 0);
  if (number >= 1 && number <= 24) return severities[Math.ceil(number / 4)]!;
  const text = textAt(item, "severityText").trim().toUpperCase();
  return severities.includes(text) ? text : severities[0]!;
}

function attributeText(message: Plain, key: string): string {
  const attributes = (message["attributes"] ?? []) as Plain[];
  return scalarText(attributes.find((pair) => (pair["key"] ?? "") === key)?.["value"] as Plain | undefined);
}

function scalarText(value: Plain | undefined): string {
  const [name, scalar] = Object.entries(value ?? {})[0] ?? [];
  return name === undefined || ["arrayValue", "kvlistValue", "bytesValue"].includes(name)
    ? ""
    : String(scalar);
}

export function countOf(message: unknown): number {
  if (Array.isArray(message)) return message.reduce<number>((sum, item) => sum + countOf(item), 0);
  if (typeof message !== "object" || message === null) return 0;
  return Object.entries(message).reduce(
    (sum, [name, value]) => sum + (itemLists.includes(name) ? (value as unknown[]).length : countOf(value)),
    0,
  );
}

interface Editing {
  readonly signal: Signal;
  readonly rules: ProcessRules;
  readonly redacted: Record<string, number>;
}

/** The message with everything in it masked and renamed; `name` is that of the field which holds it. */
function edit(editing: Editing, message: Plain, name: string): Plain {
  const { rules } = editing;
  const edited = Object.fromEntries(
    Object.entries(message).map(([field, value]) => [
      field,
      editField(editing, message, { name, field, value }),
    ]),
  );
  if (!/^resource(Spans|Logs|Metrics)$/.test(name)) return edited;
  const resource = (edited["resource"] ?? {}) as Plain;
  const attributes = (resource["attributes"] ?? []) as Plain[];
  const added = [...rules.resource.insert, ...rules.resource.upsert].filter(
    ([key]) => !attributes.some((pair) => (pair["key"] ?? "") === key),
  );
  if (added.length === 0) return edited;
  const pairs = added.map(([key, value]) => ({ key, value: anyValue(value) }));
  return { ...edited, resource: { ...resource, attributes: [...attributes, ...pairs] } };
}

function editField(
  editing: Editing,
  message: Plain,
  { name, field, value }: { readonly name: string; readonly field: string; readonly value: unknown },
): unknown {
  const { rules } = editing;
  if (field === "attributes" || field === "filteredAttributes" || field === "metadata")
    return editAttributes(editing, value as Plain[], name === "resource");
  if (field === "body") return editValue(editing, redactRules(editing, "body"), value as Plain);
  if (typeof value === "string") {
    const place = placeOf(name, field);
    const masked = place === undefined ? value : redactText(editing, redactRules(editing, place), value);
    const renames =
      field !== "name"
        ? undefined
        : { spans: rules.rename.spanNames, metrics: rules.rename.metricNames }[name];
    const rename = [...(renames ?? [])].find(([expression]) => whole(expression).test(masked));
    return rename === undefined ? masked : masked.replace(whole(rename[0]), rename[1]);
  }
  if (Array.isArray(value))
    return value.map((item: unknown) =>
      typeof item === "object" && item !== null ? edit(editing, item as Plain, field) : item,
    );
  return typeof value === "object" && value !== null ? edit(editing, value as Plain, field) : value;
}

function placeOf(name: string, field: string): RedactPlace | undefined {
  if (field === "eventName" || (field === "name" && (name === "spans" || name === "events"))) return "name";
  return name === "status" && field === "message" ? "status_message" : undefined;
}

function redactRules({ signal, rules }: Editing, place?: RedactPlace): readonly RedactRule[] {
  return rules.redact.filter(
    ({ signals, also }) => signals.includes(signal) && (place === undefined || also.includes(place)),
  );
}

function editAttributes(editing: Editing, pairs: readonly Plain[], isResource: boolean): Plain[] {
  const { rename, resource } = editing.rules;
  const renames = isResource ? rename.resourceAttributes : rename.attributes;
  const keyOf = (pair: Plain) => (pair["key"] ?? "") as string;
  return pairs.map((pair, index) => {
    const renamed = renames.get(keyOf(pair));
    const isFree =
      renamed !== undefined &&
      keyOf(pair) !== "" &&
      !pairs.some((other) => keyOf(other) === renamed) &&
      !pairs.slice(0, index).some((other) => renames.get(keyOf(other)) === renamed);
    const named = isFree ? { ...pair, key: renamed } : pair;
    const upsert = isResource ? resource.upsert.get(keyOf(named)) : undefined;
    if (upsert !== undefined) return { key: keyOf(named), value: anyValue(upsert) };
    return editPair(editing, redactRules(editing), named, keyOf(pair));
  });
}

function editPair(editing: Editing, rules: readonly RedactRule[], pair: Plain, key: string): Plain {
  if (pair["value"] === undefined) return pair;
  const rule = rules.find(({ keys }) => keys.some((expression) => whole(expression).test(key)));
  if (rule === undefined) return { ...pair, value: editValue(editing, rules, pair["value"] as Plain) };
  count(editing, rule);
  return { key: pair["key"] ?? "", value: { stringValue: rule.mask } };
}

function editValue(editing: Editing, rules: readonly RedactRule[], value: Plain): Plain {
  const [kind, content] = Object.entries(value)[0] ?? [];
  if (kind === "stringValue") return { stringValue: redactText(editing, rules, content as string) };
  if (kind === "intValue") {
    const masked = redactText(editing, rules, content as string);
    return masked === content ? value : { stringValue: masked };
  }
  if (kind !== "arrayValue" && kind !== "kvlistValue") return value;
  const { values } = content as { values?: Plain[] };
  if (values === undefined) return value;
  const edited = values.map((each) =>
    kind === "arrayValue"
      ? editValue(editing, rules, each)
      : editPair(editing, rules, each, (each["key"] ?? "") as string),
  );
  return { [kind]: { values: edited } };
}

function redactText(editing: Editing, rules: readonly RedactRule[], text: string): string {
  return rules.reduce((masked, rule) => {
    const next = rule.values.reduce(
      (before, expression) => before.replace(new RegExp(expression, "gu"), () => rule.mask),
      masked,
    );
    if (next !== masked) count(editing, rule);
    return next;
  }, text);
}

function count({ redacted }: Editing, { name }: RedactRule): void {
  redacted[name] = (redacted[name] ?? 0) + 1;
}

function anyValue(value: string | number | boolean): Plain {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
