/** Everything the agent says on stderr. One line a code: what happened and whose turn it is. */
type NoticeCode =
  | "QUARTET_AGENT_CONFIG" // the operator mends the variable; the default was taken
  | "QUARTET_AGENT_PORT" // the admin port was taken or could not be opened; the message names the variable
  | "QUARTET_AGENT_COLLECTOR_AWAY" // nobody answers; telemetry is kept within bounds and sent again
  | "QUARTET_AGENT_COLLECTOR_BACK" // an outage is over
  | "QUARTET_AGENT_REFUSED" // the collector will not have it; dropped and counted
  | "QUARTET_AGENT_METRIC_NAME" // the service has a metric of the same name; its own is kept
  | "QUARTET_AGENT_INTERNAL"; // a mistake of the agent's, caught before it reached the service

/** From silent to talkative; `OTEL_LOG_LEVEL` chooses. */
export type NoticeLevel = "none" | "error" | "warn" | "info" | "debug";

const order: readonly NoticeLevel[] = ["none", "error", "warn", "info", "debug"];

/** The agent's own few words. Never one per item: each caller sees to that. */
export interface Notice {
  warn(code: NoticeCode, message: string): void;
  info(code: NoticeCode, message: string): void;
}

/** Writes one line per notice of `level` or graver through `write`. Never throws. */
export function createNotice(level: NoticeLevel, write: (line: string) => void): Notice {
  const emit = (of: NoticeLevel) => (code: NoticeCode, message: string) => {
    if (order.indexOf(of) > order.indexOf(level)) return;
    try {
      write(`quartet-agent: ${code}: ${message}\n`);
    } catch {
      // Nobody can be told that nobody can be told.
      return;
    }
  };
  return { warn: emit("warn"), info: emit("info") };
}
