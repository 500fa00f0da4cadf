import type { DropRule, ProcessSignal } from "../model/index.ts";
import type { Message, WireCursor } from "../otlp/index.ts";
import { compileCondition, type CompiledCondition, type ConditionLevel } from "./condition.ts";

/** Tells which items go. Messages around the items are entered from the outside in; what they decide is not asked again. */
export interface Dropper {
  /** A ResourceSpans, ScopeSpans or Metric (and so on) begins. */
  enter(
    level: Exclude<ConditionLevel, "item">,
    cursor: WireCursor,
    start: number,
    end: number,
    message: Message,
  ): void;
  /** Number of the first rule that the item fulfils; -1 when it stays. */
  ruleOf(cursor: WireCursor, start: number, end: number, message: Message): number;
}

interface CompiledRule {
  readonly number: number;
  readonly tests: Readonly<Record<ConditionLevel, readonly CompiledCondition["test"][]>>;
  /** Whether the messages around the next item fulfil their conditions. */
  readonly isOpen: Record<Exclude<ConditionLevel, "item">, boolean>;
}

/** Undefined when no rule is for this signal. Rules keep their number among all. @throws CollectorError QUARTET_REGEX_INVALID */
export function createDropper(signal: ProcessSignal, rules: readonly DropRule[]): Dropper | undefined {
  const compiled: CompiledRule[] = [];
  for (const [number, { signals, conditions }] of rules.entries()) {
    if (!signals.includes(signal)) continue;
    const parts = conditions.map((condition) => compileCondition(signal, condition));
    const testsOf = (level: ConditionLevel) =>
      parts.filter((part) => part.level === level).map(({ test }) => test);
    compiled.push({
      number,
      tests: {
        resource: testsOf("resource"),
        scope: testsOf("scope"),
        metric: testsOf("metric"),
        item: testsOf("item"),
      },
      isOpen: { resource: true, scope: true, metric: true },
    });
  }
  if (compiled.length === 0) return undefined;
  return {
    enter(level, cursor, start, end, message) {
      for (const { tests, isOpen } of compiled)
        isOpen[level] = tests[level].every((test) => test(cursor, start, end, message));
    },
    ruleOf(cursor, start, end, message) {
      for (const { number, tests, isOpen } of compiled) {
        if (!isOpen.resource || !isOpen.scope || !isOpen.metric) continue;
        if (tests.item.every((test) => test(cursor, start, end, message))) return number;
      }
      return -1;
    },
  };
}
