import { AggregatorRegistry } from "prom-client";
import type { TelemetrySnapshot } from "../telemetry/index.ts";

/** The exposition of all threads' metrics: what several threads count is added up. */
export async function exposeMetrics(
  snapshots: readonly TelemetrySnapshot[],
): Promise<{ readonly contentType: string; readonly body: string }> {
  const merged = AggregatorRegistry.aggregate([...snapshots]);
  return { contentType: merged.contentType, body: await merged.metrics() };
}
