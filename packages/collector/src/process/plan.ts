import type { AttributeValue, ProcessRules, ProcessSignal, RedactPlace } from "../model/index.ts";
import { requests, type Field, type Message } from "../otlp/index.ts";
import { createAttributeRules, type AttributeRules } from "./attribute-rules.ts";
import type { BytesCache } from "./bytes-cache.ts";
import { createDropper, type Dropper } from "./dropper.ts";
import { createRedactor, createRenamer, type Redactor } from "./redactor.ts";
import { createTextCache, type TextEdit } from "./text-edit.ts";

/** What happens to a field; fields without a plan are passed over. */
export type FieldPlan =
  /** A message on the way to the items. */
  | { readonly kind: "group"; readonly message: MessagePlan; readonly level: GroupLevel }
  | { readonly kind: "item"; readonly message: MessagePlan }
  /** A message that belongs to the one around it: a scope, an event, an exemplar. */
  | { readonly kind: "part"; readonly message: MessagePlan }
  | { readonly kind: "resource"; readonly message: MessagePlan }
  | { readonly kind: "attribute"; readonly rules: AttributeRules }
  | { readonly kind: "value"; readonly rules: AttributeRules }
  | { readonly kind: "text"; readonly texts: BytesCache<TextEdit | undefined> };

/** "data" is the Gauge, Sum or Histogram inside of a metric. */
type GroupLevel = "resource" | "scope" | "metric" | "data";

export interface MessagePlan {
  readonly message: Message;
  /** By number; as long as the numbers that OTLP uses. */
  readonly fields: readonly (FieldPlan | undefined)[];
  readonly isIdle: boolean;
}

/** What the rules mean for the requests of one signal. */
export interface SignalPlan {
  readonly request: MessagePlan;
  readonly dropper: Dropper | undefined;
  /** Rules of resources; undefined when nothing happens to those. */
  readonly resource: AttributeRules | undefined;
}

/** Fields of OTLP end at 16. */
const fieldsEnd = 17;

/** Undefined when nothing can happen to the signal. @throws CollectorError QUARTET_REGEX_INVALID */
export function buildPlan(signal: ProcessSignal, rules: ProcessRules): SignalPlan | undefined {
  const dropper = createDropper(signal, rules.drop);
  const planner = createPlanner(signal, rules, dropper !== undefined);
  const request = planner.plan(requests[signal], []);
  return request.isIdle ? undefined : { request, dropper, resource: planner.resource };
}

interface Planner {
  plan(message: Message, groups: readonly GroupLevel[]): MessagePlan;
  readonly resource: AttributeRules | undefined;
}

function createPlanner(signal: ProcessSignal, rules: ProcessRules, hasDrops: boolean): Planner {
  const redactorOf = (place: RedactPlace | undefined): Redactor | undefined =>
    createRedactor(
      rules.redact.flatMap((rule, number) =>
        rule.signals.includes(signal) && (place === undefined || rule.also.includes(place))
          ? [{ number, rule }]
          : [],
      ),
    );
  const { rename, resource: resourceRules } = rules;
  const redactor = redactorOf(undefined);
  const attributes = createAttributeRules({ redactor, renames: rename.attributes, additions: new Map() });
  const additions = new Map<string, { readonly isUpsert: boolean; readonly value: AttributeValue }>();
  for (const [key, value] of resourceRules.insert) additions.set(key, { isUpsert: false, value });
  for (const [key, value] of resourceRules.upsert) additions.set(key, { isUpsert: true, value });
  const resource = createAttributeRules({ redactor, renames: rename.resourceAttributes, additions });
  const body = createAttributeRules({
    redactor: redactorOf("body"),
    renames: new Map(),
    additions: new Map(),
  });
  const textPlan = (place: RedactPlace | undefined, renames?: ReadonlyMap<string, string>) => {
    const redactorHere = place === undefined ? undefined : redactorOf(place);
    const hasRenames = renames !== undefined && renames.size > 0;
    if (redactorHere?.hasValues !== true && !hasRenames) return undefined;
    const rename = hasRenames ? createRenamer(renames) : undefined;
    return { kind: "text" as const, texts: createTextCache({ redactor: redactorHere, rename }) };
  };
  const names = textPlan("name");
  const texts: Readonly<Record<string, FieldPlan | undefined>> = {
    "Span.name": textPlan("name", rename.spanNames),
    "Span.Event.name": names,
    "LogRecord.eventName": names,
    "Status.message": textPlan("status_message"),
    "Metric.name": textPlan(undefined, rename.metricNames),
  };

  function plan(message: Message, groups: readonly GroupLevel[]): MessagePlan {
    const fields: (FieldPlan | undefined)[] = Array.from({ length: fieldsEnd }, () => undefined);
    for (const field of message.fields) fields[field.number] = planField(message, field, groups);
    return { message, fields, isIdle: fields.every((field) => field === undefined) };
  }

  function planField(message: Message, field: Field, groups: readonly GroupLevel[]): FieldPlan | undefined {
    if (typeof field.type !== "function") return texts[`${message.name}.${field.name}`];
    const inner = field.type();
    if (inner.name === "KeyValue") {
      const list = message.name === "Resource" ? resource : attributes;
      return list === undefined ? undefined : { kind: "attribute", rules: list };
    }
    if (inner.name === "AnyValue") return body === undefined ? undefined : { kind: "value", rules: body };
    if (field.isOnPath && !inner.isItem) {
      const level = levels[groups.length]!;
      const group = plan(inner, [...groups, level]);
      return group.isIdle ? undefined : { kind: "group", message: group, level };
    }
    const part = plan(inner, groups);
    if (inner.isItem) return part.isIdle && !hasDrops ? undefined : { kind: "item", message: part };
    if (inner.name === "Resource") return part.isIdle ? undefined : { kind: "resource", message: part };
    return part.isIdle ? undefined : { kind: "part", message: part };
  }

  return { plan, resource };
}

const levels: readonly GroupLevel[] = ["resource", "scope", "metric", "data"];
