import { collectDefaultMetrics, Registry } from "prom-client";
import { familiesOfRegistry, type FamilySource } from "./families.ts";

/**
 * Gauges that are named like counters; promtool objects, and the same numbers by type stand under nodejs_active_resources,
 * nodejs_active_handles and nodejs_active_requests.
 */
const misnamed = [
  "nodejs_active_resources_total",
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
];

/**
 * prom-client's defaults about the process, in a registry of the agent's own: a service that collects them itself into the default
 * registry would otherwise fail on names that are taken.
 */
export function createProcessMetrics(): FamilySource {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  return familiesOfRegistry(registry);
}
