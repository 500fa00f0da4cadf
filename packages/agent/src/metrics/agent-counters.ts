import type { OutboxCounts } from "../resilience/index.ts";
import type { Family, FamilySample, FamilySource } from "./families.ts";

export type Signal = "spans" | "logs" | "metrics";

export interface AgentCountersSettings {
  readonly counts: Readonly<Record<Signal, () => OutboxCounts>>;
  /** Mistakes of the agent's that were caught. */
  readonly errorCount: () => number;
}

/** Reasons that are shown with 0 from the start, so that `rate` and `increase` see the first drop. */
const reasons = ["queue_full", "too_large", "encoding", "rejected", "refused"] as const;

/**
 * What became of everything the agent recorded: for each signal, at any moment,
 * recorded = sent + the sum of dropped over its reasons + queued. Metrics are counted in data points.
 */
export function createAgentCounters({ counts, errorCount }: AgentCountersSettings): FamilySource {
  return {
    collect(): Family[] {
      // All at once: a number read later would not add up with those read before.
      const now = (Object.keys(counts) as Signal[]).map(
        (signal) => [signal, { ...counts[signal](), dropped: new Map(counts[signal]().dropped) }] as const,
      );
      const samples = (value: (counts: OutboxCounts) => number): FamilySample[] =>
        now.map(([signal, counted]) => ({ labels: { signal }, value: value(counted) }));
      return [
        {
          name: "quartet_agent_recorded_total",
          help: "Spans, log records and data points that the agent recorded.",
          type: "counter",
          samples: samples(({ recorded }) => recorded),
        },
        {
          name: "quartet_agent_sent_total",
          help: "Spans, log records and data points that the collector acknowledged.",
          type: "counter",
          samples: samples(({ sent }) => sent),
        },
        {
          name: "quartet_agent_dropped_total",
          help: "Spans, log records and data points given up, by reason.",
          type: "counter",
          samples: now.flatMap(([signal, { dropped }]) =>
            reasons.map((reason) => ({ labels: { signal, reason }, value: dropped.get(reason) ?? 0 })),
          ),
        },
        {
          name: "quartet_agent_queued",
          help: "Spans, log records and data points waiting or on their way.",
          type: "gauge",
          samples: samples(({ queued }) => queued),
        },
        {
          name: "quartet_agent_internal_errors_total",
          help: "Mistakes of the agent that were caught before they reached the service.",
          type: "counter",
          samples: [{ labels: {}, value: errorCount() }],
        },
      ];
    },
  };
}
