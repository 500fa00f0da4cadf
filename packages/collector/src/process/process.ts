import type { Processed, ProcessRules, ProcessSignal, RequestProcess } from "../model/index.ts";
import type { Telemetry } from "../telemetry/index.ts";
import { buildPlan, type SignalPlan } from "./plan.ts";
import { RequestEditor } from "./request-editor.ts";

const signals: readonly ProcessSignal[] = ["spans", "logs", "metrics"];

/**
 * What the configuration wants done to requests between their check and the journal: items dropped, values masked, keys and
 * names changed, attributes of resources added, in this order. Bytes that no rule touches are copied as they are.
 * @throws CollectorError QUARTET_REGEX_INVALID
 */
export function createProcess(rules: ProcessRules, telemetry: Telemetry): RequestProcess {
  const plans = new Map<ProcessSignal, SignalPlan>();
  for (const signal of signals) {
    const plan = buildPlan(signal, rules);
    if (plan !== undefined) plans.set(signal, plan);
  }
  const ruleCounts = { drop: rules.drop.length, redact: rules.redact.length };
  const droppedItems = telemetry.counter({
    name: "quartet_process_dropped_items_total",
    help: "Spans, log records and data points that a rule of the configuration dropped; their senders were told of success.",
    labelNames: ["signal", "rule"],
  });
  const redactedValues = telemetry.counter({
    name: "quartet_process_redacted_values_total",
    help: "Values in which a rule of the configuration masked something.",
    labelNames: ["signal", "rule"],
  });
  // A counter that stays away until its first event cannot be alerted on.
  for (const { name, signals: wanted } of rules.drop)
    for (const signal of wanted) droppedItems.add({ signal, rule: name }, 0);
  for (const { name, signals: wanted } of rules.redact)
    for (const signal of wanted) redactedValues.add({ signal, rule: name }, 0);

  return (signal, { bytes, itemCount }): Processed => {
    const plan = plans.get(signal);
    if (plan === undefined) return { bytes, itemCount, count: () => undefined };
    const edited = new RequestEditor(plan, bytes, ruleCounts).run();
    return {
      bytes: edited.bytes,
      itemCount: itemCount - edited.dropped.reduce((sum, count) => sum + count, 0),
      count() {
        for (const [index, count] of edited.dropped.entries())
          if (count > 0) droppedItems.add({ signal, rule: rules.drop[index]!.name }, count);
        for (const [index, count] of edited.redacted.entries())
          if (count > 0) redactedValues.add({ signal, rule: rules.redact[index]!.name }, count);
      },
    };
  };
}
