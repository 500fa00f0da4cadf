import type { MatchOperator } from "./matcher.ts";

/** What is sent as OTLP, named as its stream. */
export type ProcessSignal = "spans" | "logs" | "metrics";

const everywhere: readonly ProcessSignal[] = ["spans", "logs", "metrics"];

/** What a condition may ask about, and in which signals; besides attributes, which are `LEVEL` + key. */
export const conditionFields: {
  readonly name: readonly ProcessSignal[];
  readonly kind: readonly ProcessSignal[];
  readonly status: readonly ProcessSignal[];
  readonly event_name: readonly ProcessSignal[];
  readonly severity: readonly ProcessSignal[];
  readonly body: readonly ProcessSignal[];
  readonly type: readonly ProcessSignal[];
  readonly unit: readonly ProcessSignal[];
  readonly "scope.name": readonly ProcessSignal[];
  readonly "scope.version": readonly ProcessSignal[];
} = {
  name: ["spans", "metrics"],
  kind: ["spans"],
  status: ["spans"],
  event_name: ["logs"],
  severity: ["logs"],
  body: ["logs"],
  type: ["metrics"],
  unit: ["metrics"],
  "scope.name": everywhere,
  "scope.version": everywhere,
};

export type ConditionField = keyof typeof conditionFields;

/** Whose attributes: "attributes" are those of the span, log record or data point. */
export type AttributeLevel = "attributes" | "scope.attributes" | "resource.attributes";

/** One condition on an item. What the item lacks has the value "". */
export interface Condition {
  readonly field: ConditionField | AttributeLevel;
  /** Of the attribute; "" for a field. */
  readonly key: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** Drops an item that fulfils every condition. */
export interface DropRule {
  readonly name: string;
  readonly signals: readonly ProcessSignal[];
  readonly conditions: readonly Condition[];
}

/** Texts besides attributes that a redaction may reach: bodies of logs, names of spans and events, messages of span statuses. */
export type RedactPlace = "body" | "name" | "status_message";

/** Masks values by the key that they stand under, and what matches in texts and integers. */
export interface RedactRule {
  readonly name: string;
  readonly signals: readonly ProcessSignal[];
  /** RE2 of a whole key. */
  readonly keys: readonly string[];
  /** RE2 of any part of a value. */
  readonly values: readonly string[];
  readonly also: readonly RedactPlace[];
  readonly mask: string;
}

export type AttributeValue = string | number | boolean;

/** What happens to a request between the door and the journal; in this order. */
export interface ProcessRules {
  readonly drop: readonly DropRule[];
  readonly redact: readonly RedactRule[];
  readonly rename: {
    /** Old to new key, of every attribute but those of resources. */
    readonly attributes: ReadonlyMap<string, string>;
    readonly resourceAttributes: ReadonlyMap<string, string>;
    /** RE2 of a whole name to the new one, where $1 is a group. The first that matches counts. */
    readonly spanNames: ReadonlyMap<string, string>;
    readonly metricNames: ReadonlyMap<string, string>;
  };
  readonly resource: {
    /** Set where the key is missing. */
    readonly insert: ReadonlyMap<string, AttributeValue>;
    /** Set whether or not it is there. */
    readonly upsert: ReadonlyMap<string, AttributeValue>;
  };
}

/** A request after the rules. */
export interface Processed {
  readonly bytes: Uint8Array;
  /** Of what is left; 0 means that nothing needs to be kept. */
  readonly itemCount: number;
  /** Adds to the metrics what was dropped and masked; to be called once, when the rest is kept. */
  count(): void;
}

/** Applies the rules to a request that was checked. @throws CollectorError QUARTET_OTLP_INVALID when it was not and is broken. */
export type RequestProcess = (
  signal: ProcessSignal,
  request: { readonly bytes: Uint8Array; readonly itemCount: number },
) => Processed;
