import type { Readable } from "node:stream";
import type { Clock } from "../model/index.ts";
import type { ReceiveMetrics } from "./telemetry.ts";

/** How long the rest of a refused request is read and thrown away, as a client that still sends may not hear the answer. */
const drainMs = 1_000;

/** Reads on for a moment after a refusal, so that a client that still sends hears the answer; a client that goes on is cut off. */
export function drain(
  request: Readable,
  { clock, metrics }: { readonly clock: Clock; readonly metrics: ReceiveMetrics },
): void {
  const cancel = clock.setTimer(() => {
    metrics.cutConnections.add({ reason: "refused" });
    request.destroy();
  }, drainMs);
  request.once("end", cancel).once("close", cancel);
  request.resume();
}
