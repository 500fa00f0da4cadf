import { labelsToRecord, type Queryable, type SeriesWrite } from "../model/index.ts";
import type { Language } from "../promql/index.ts";
import { evaluateTick, type RuleSettings } from "./evaluate-rule.ts";
import { createEvaluateAt } from "./outcome.ts";
import type { RuleGroup } from "./rule.ts";
import { createRuntime } from "./runtime.ts";

export interface RuleTrialSettings {
  /** In the order in which they are evaluated. */
  readonly groups: readonly RuleGroup[];
  /** Step of subqueries that name none. */
  readonly evaluationIntervalMs: number;
  readonly queryable: Queryable;
  /** Takes what rules make; `queryable` gives it when the call returns. Says what is wrong with what it does not take. */
  readonly append: (writes: readonly SeriesWrite[]) => string | undefined;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly language: Language;
  /** Measures the timeouts of queries. */
  readonly nowMs: () => number;
}

export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Rules that are evaluated when somebody says so, one after another: for tests of rules. */
export interface RuleTrial {
  /** Evaluates every group, whatever its interval; gives the rules that failed. */
  evaluate(atMs: number): readonly { readonly rule: string; readonly message: string }[];
  /** The alerts of that name that fired at the last evaluation, of all groups. */
  firing(alertname: string): readonly FiringAlert[];
}

/** The engine's rules without its clock, its journal and its notifications. */
export function createRuleTrial(settings: RuleTrialSettings): RuleTrial {
  const groups = createRuntime(settings.groups, settings.evaluationIntervalMs);
  const ruleSettings: RuleSettings = {
    ...settings,
    evaluate: createEvaluateAt(settings),
    onTemplateProblem: () => {},
    traceUrl: (traceId) => traceId,
    resendDelayMs: Number.POSITIVE_INFINITY,
  };
  const rules = groups.flatMap((group) => group.rules);
  return {
    evaluate(atMs) {
      const failed: { rule: string; message: string }[] = [];
      for (const rule of rules) {
        const { name } = rule.rule;
        try {
          const message = settings.append(evaluateTick(rule, atMs, ruleSettings).writes);
          if (message !== undefined) failed.push({ rule: name, message });
        } catch (cause) {
          failed.push({ rule: name, message: (cause as Error).message });
        }
      }
      return failed;
    },
    firing: (alertname) =>
      rules
        .filter(({ rule }) => rule.kind === "alerting" && rule.name === alertname)
        .flatMap(({ alerts }) => [...alerts.values()])
        .filter(({ state }) => state === "firing")
        .map(({ labels, annotations }) => ({ labels: labelsToRecord(labels), annotations })),
  };
}
