import type { Telemetry } from "../telemetry/index.ts";
import type { RuntimeGroup } from "./runtime.ts";

const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The engine's own metrics: Prometheus' names with our prefix, and those of the stream. */
export interface RuleTelemetry {
  evaluated(group: RuntimeGroup, seconds: number): void;
  failed(group: RuntimeGroup): void;
  iterated(
    group: RuntimeGroup,
    outcome: { readonly seconds: number; readonly samples: number; readonly slotDelaySeconds: number },
  ): void;
  missed(group: RuntimeGroup, count: number): void;
  streamed(seconds: number, lagSeconds: number): void;
  streamFailed(): void;
  streamSkipped(): void;
  templateFailed(): void;
  stateWriteFailed(): void;
  sent(status: "firing" | "resolved"): void;
}

export function createRuleTelemetry(telemetry: Telemetry, groups: readonly RuntimeGroup[]): RuleTelemetry {
  const labelNames = ["rule_group"];
  const counter = (name: string, help: string, names: readonly string[] = labelNames) =>
    telemetry.counter({ name, help, labelNames: names });
  const evaluations = counter(
    "quartet_rule_evaluations_total",
    "Evaluations of rules by the ticks of their groups.",
  );
  const failures = counter("quartet_rule_evaluation_failures_total", "Evaluations of rules that failed.");
  const iterations = counter(
    "quartet_rule_group_iterations_total",
    "Slots of rule groups, evaluated or missed.",
  );
  const missed = counter(
    "quartet_rule_group_iterations_missed_total",
    "Slots of rule groups that were missed: the series came too late, or the evaluation before took too long.",
  );
  const gauge = (name: string, help: string) => telemetry.gauge({ name, help, labelNames });
  const lastSeconds = gauge(
    "quartet_rule_group_last_duration_seconds",
    "How long the group's last evaluation took.",
  );
  const lastSamples = gauge(
    "quartet_rule_group_last_evaluation_samples",
    "Samples that the group's last evaluation made.",
  );
  const lastTime = gauge(
    "quartet_rule_group_last_evaluation_timestamp_seconds",
    "When the group was evaluated last, in Unix time.",
  );
  const intervals = gauge("quartet_rule_group_interval_seconds", "The group's interval.");
  const rules = gauge("quartet_rule_group_rules", "Rules in the group.");
  const duration = telemetry.histogram({
    name: "quartet_rule_evaluation_duration_seconds",
    help: "How long the evaluation of one rule took.",
    buckets: durationBuckets,
  });
  const slotDelay = telemetry.histogram({
    name: "quartet_rule_group_slot_delay_seconds",
    help: "How long a slot waited for its series before it was evaluated.",
    buckets: durationBuckets,
  });
  const streamEvaluations = counter(
    "quartet_rules_stream_evaluations_total",
    "Evaluations of rules between the ticks, because samples came that they read.",
    [],
  );
  const streamFailures = counter(
    "quartet_rules_stream_evaluation_failures_total",
    "Evaluations between the ticks that failed.",
    [],
  );
  const streamSkips = counter(
    "quartet_rules_stream_skipped_total",
    "Evaluations between the ticks that were left to the tick, because the rule takes too long.",
    [],
  );
  const streamLag = telemetry.histogram({
    name: "quartet_rules_stream_lag_seconds",
    help: "From the first sample that touched a rule to the end of its evaluation between the ticks.",
    buckets: durationBuckets,
  });
  const templateFailures = counter(
    "quartet_template_text_expansion_failures_total",
    "Labels and annotations whose template did not expand.",
    [],
  );
  const stateFailures = counter(
    "quartet_rules_state_write_failures_total",
    "Writes of the alerts' state file that failed.",
    [],
  );
  const sent = counter("quartet_rules_alerts_sent_total", "Alerts handed to the notifier.", ["status"]);
  telemetry.observedGauge(
    { name: "quartet_rules_alerts", help: "Alerts by state.", labelNames: ["state"] },
    (set) => {
      const counts = { pending: 0, firing: 0 };
      for (const group of groups) {
        for (const { alerts } of group.rules) {
          for (const { state } of alerts.values()) if (state !== "inactive") counts[state] += 1;
        }
      }
      for (const [state, count] of Object.entries(counts)) set(count, { state });
    },
  );
  for (const group of groups) {
    const labels = { rule_group: group.key };
    for (const each of [evaluations, failures, iterations, missed]) each.add(labels, 0);
    intervals.set(group.intervalMs / 1_000, labels);
    rules.set(group.rules.length, labels);
  }
  for (const status of ["firing", "resolved"]) sent.add({ status }, 0);

  return {
    evaluated(group, seconds) {
      evaluations.add({ rule_group: group.key });
      duration.observe(seconds);
    },
    failed: (group) => failures.add({ rule_group: group.key }),
    iterated(group, { seconds, samples, slotDelaySeconds }) {
      const labels = { rule_group: group.key };
      iterations.add(labels);
      lastSeconds.set(seconds, labels);
      lastSamples.set(samples, labels);
      lastTime.set((group.lastEvaluationMs ?? 0) / 1_000, labels);
      slotDelay.observe(Math.max(0, slotDelaySeconds));
    },
    missed(group, count) {
      iterations.add({ rule_group: group.key }, count);
      missed.add({ rule_group: group.key }, count);
    },
    streamed(seconds, lagSeconds) {
      streamEvaluations.add();
      duration.observe(seconds);
      streamLag.observe(lagSeconds);
    },
    streamFailed: () => streamFailures.add(),
    streamSkipped: () => streamSkips.add(),
    templateFailed: () => templateFailures.add(),
    stateWriteFailed: () => stateFailures.add(),
    sent: (status) => sent.add({ status }),
  };
}
