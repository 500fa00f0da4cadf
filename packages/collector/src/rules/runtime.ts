import { compileMatcher, labelsKey, metricNameLabel, type Labels, type Matcher } from "../model/index.ts";
import { readsOnlyPresence, vectorSelectors, type SelectorUse } from "../promql/index.ts";
import type { AlertMap } from "./alert.ts";
import type { Rule, RuleGroup } from "./rule.ts";

/** A rule with all that changes about it. */
export interface RuntimeRule {
  /** Counts through all groups; names the rule inside the engine. */
  readonly index: number;
  readonly rule: Rule;
  readonly group: RuntimeGroup;
  readonly selectors: readonly SelectorUse[];
  /** Names of series made by rules that this one may read. */
  readonly ruleInputs: ReadonlySet<string>;
  /** Whether samples may advance it between the ticks. */
  readonly isStreamable: boolean;
  /** Empty for a recording rule. */
  readonly alerts: AlertMap;
  /** Series of its last evaluation by key: those that disappear get a staleness marker. */
  previousSeries: ReadonlyMap<string, Labels>;
  health: "unknown" | "ok" | "err";
  lastError: string;
  evaluationSeconds: number;
  /** Clock time of its last evaluation by a tick; undefined before the first. */
  lastEvaluationMs: number | undefined;
}

export interface RuntimeGroup {
  readonly group: RuleGroup;
  readonly intervalMs: number;
  readonly queryOffsetMs: number;
  /** "file;name", as Prometheus labels its metrics. */
  readonly key: string;
  readonly rules: RuntimeRule[];
  evaluationSeconds: number;
  lastEvaluationMs: number | undefined;
  /** Newest slot that was evaluated; undefined before the first. */
  lastSlotMs: number | undefined;
}

export const alertsMetric = "ALERTS";
export const alertsForStateMetric = "ALERTS_FOR_STATE";

/** Rules ready to run, with what each may read of the others. */
export function createRuntime(groups: readonly RuleGroup[], evaluationIntervalMs: number): RuntimeGroup[] {
  const made = new Set<string>();
  for (const { rules } of groups) {
    for (const rule of rules) {
      if (rule.kind === "recording") made.add(rule.name);
      else made.add(alertsMetric).add(alertsForStateMetric);
    }
  }
  let index = 0;
  return groups.map((group) => {
    const runtime: RuntimeGroup = {
      group,
      intervalMs: group.intervalMs ?? evaluationIntervalMs,
      queryOffsetMs: group.queryOffsetMs ?? 0,
      key: `${group.file};${group.name}`,
      rules: [],
      evaluationSeconds: 0,
      lastEvaluationMs: undefined,
      lastSlotMs: undefined,
    };
    for (const rule of group.rules) {
      const selectors = vectorSelectors(rule.expression);
      const ruleInputs = readNames(selectors, made);
      runtime.rules.push({
        index: (index += 1) - 1,
        rule,
        group: runtime,
        selectors,
        ruleInputs,
        isStreamable:
          rule.kind === "alerting" &&
          runtime.queryOffsetMs === 0 &&
          ruleInputs.size === 0 &&
          selectors.length > 0 &&
          readsOnlyPresence(rule.expression),
        alerts: new Map(),
        previousSeries: new Map(),
        health: "unknown",
        lastError: "",
        evaluationSeconds: 0,
        lastEvaluationMs: undefined,
      });
    }
    return runtime;
  });
}

/** Those of `names` that a selector may mean. */
function readNames(selectors: readonly SelectorUse[], names: ReadonlySet<string>): Set<string> {
  const read = new Set<string>();
  for (const { matchers } of selectors) {
    const tests = matchers.filter(({ name }) => name === metricNameLabel).map(compileMatcher);
    for (const name of names) if (tests.every((test) => test(name))) read.add(name);
  }
  return read;
}

interface WatchedSelector {
  readonly ruleIndex: number;
  readonly tests: readonly { readonly name: string; readonly test: (value: string) => boolean }[];
}

/** Selectors of one metric name, or of none: by a label and value that they ask for, and the rest. */
interface SelectorIndex {
  readonly byLabel: Map<string, Map<string, WatchedSelector[]>>;
  readonly others: WatchedSelector[];
}

/** Finds the rules that read a series. */
export interface Watch {
  /** Indexes of the rules, ascending. Remembered by label set. */
  rulesReading(labels: Labels): readonly number[];
}

/**
 * An index of the rules' selectors by metric name, and by the first label that they ask for.
 * @param cacheSizeMax label sets that are remembered; the longest known is forgotten first
 */
export function createWatch(rules: readonly RuntimeRule[], cacheSizeMax: number): Watch {
  const byName = new Map<string, SelectorIndex>();
  const anyName: SelectorIndex = { byLabel: new Map(), others: [] };
  for (const { index, selectors } of rules) {
    for (const { matchers } of selectors) {
      const name = exactName(matchers);
      if (name !== undefined && !byName.has(name)) byName.set(name, { byLabel: new Map(), others: [] });
      addSelector(name === undefined ? anyName : byName.get(name)!, index, matchers);
    }
  }
  const isAnyName = anyName.others.length > 0 || anyName.byLabel.size > 0;
  const cache = new Map<string, readonly number[]>();

  function find(labels: Labels): readonly number[] {
    const values = new Map<string, string>();
    for (let at = 0; at < labels.length; at += 2) values.set(labels[at]!, labels[at + 1]!);
    const found = new Set<number>();
    for (const selectors of [byName.get(values.get(metricNameLabel) ?? ""), anyName]) {
      if (selectors === undefined) continue;
      const candidates = [...values].flatMap(
        ([name, value]) => selectors.byLabel.get(name)?.get(value) ?? [],
      );
      for (const { ruleIndex, tests } of [...candidates, ...selectors.others]) {
        if (tests.every(({ name, test }) => test(values.get(name) ?? ""))) found.add(ruleIndex);
      }
    }
    return [...found].sort((left, right) => left - right);
  }

  return {
    rulesReading(labels) {
      // Most series of a busy collector are no rule's business: their name alone says so, without a key.
      if (!isAnyName) {
        const at = labels.indexOf(metricNameLabel);
        if (at < 0 || !byName.has(labels[at + 1] ?? "")) return [];
      }
      const key = labelsKey(labels);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const found = find(labels);
      if (cache.size >= cacheSizeMax) {
        for (const oldest of cache.keys()) {
          cache.delete(oldest);
          break;
        }
      }
      cache.set(key, found);
      return found;
    },
  };
}

function addSelector(index: SelectorIndex, ruleIndex: number, matchers: readonly Matcher[]): void {
  const selector: WatchedSelector = {
    ruleIndex,
    tests: matchers.map((matcher) => ({ name: matcher.name, test: compileMatcher(matcher) })),
  };
  const asked = matchers.find(
    ({ name, operator, value }) => name !== metricNameLabel && operator === "=" && value !== "",
  );
  if (asked === undefined) {
    index.others.push(selector);
    return;
  }
  const values = index.byLabel.get(asked.name) ?? new Map<string, WatchedSelector[]>();
  index.byLabel.set(asked.name, values);
  const selectors = values.get(asked.value);
  if (selectors === undefined) values.set(asked.value, [selector]);
  else selectors.push(selector);
}

/** The one name that a selector takes, or undefined. */
function exactName(matchers: readonly Matcher[]): string | undefined {
  const onName = matchers.filter(({ name }) => name === metricNameLabel);
  return onName.length === 1 && onName[0]!.operator === "=" ? onName[0]!.value : undefined;
}
