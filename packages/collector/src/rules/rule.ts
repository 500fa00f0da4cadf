import type { Expression } from "../promql/index.ts";
import type { RuleTemplate } from "./template/template.ts";

export interface RecordingRule {
  readonly kind: "recording";
  /** Name of the series it makes. */
  readonly name: string;
  readonly expression: Expression;
  /** Put on every series; those of the group included. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface AlertingRule {
  readonly kind: "alerting";
  readonly name: string;
  readonly expression: Expression;
  /** How long an element must be there before it fires; 0 = at once. */
  readonly forMs: number;
  /** How long an alert goes on firing without its element; 0 = not at all. */
  readonly keepFiringForMs: number;
  /** Those of the group included; a rule's own win. */
  readonly labels: Readonly<Record<string, RuleTemplate>>;
  readonly annotations: Readonly<Record<string, RuleTemplate>>;
}

export type Rule = RecordingRule | AlertingRule;

/** Rules that are evaluated one after another at the same times. */
export interface RuleGroup {
  readonly name: string;
  /** Path of the file as it was given to parseRuleFile. */
  readonly file: string;
  /** Undefined: the engine's evaluation interval. */
  readonly intervalMs: number | undefined;
  /** Queries look this far back from the time of the evaluation; undefined: not at all. */
  readonly queryOffsetMs: number | undefined;
  /** Most alerts or series that one rule may have; 0 = no limit. */
  readonly limit: number;
  readonly rules: readonly Rule[];
}
