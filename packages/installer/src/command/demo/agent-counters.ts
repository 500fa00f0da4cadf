/** What one agent says of its spans. */
export interface AgentCounters {
  readonly recorded: number;
  /** Acknowledged by the collector. */
  readonly sent: number;
  readonly dropped: number;
  readonly queued: number;
}

/**
 * Reads the counters from an agent's /metrics.
 * @throws Error when the agent does not answer or lacks a counter.
 */
export async function readAgentCounters(adminUrl: string): Promise<AgentCounters> {
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(2_000) });
  const text = await response.text();
  return {
    recorded: sumOf(text, "quartet_agent_recorded_total"),
    sent: sumOf(text, "quartet_agent_sent_total"),
    dropped: sumOf(text, "quartet_agent_dropped_total"),
    queued: sumOf(text, "quartet_agent_queued"),
  };
}

/** The sum over every series of the metric that speaks of spans; 0 when there is none yet. */
function sumOf(exposition: string, name: string): number {
  return exposition
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && line.includes('signal="spans"'))
    .reduce(
      (sum, line) =>
        sum +
        Number(
          line
            .slice(line.lastIndexOf("}") + 1)
            .trim()
            .split(" ")[0],
        ),
      0,
    );
}
