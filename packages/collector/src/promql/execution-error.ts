import { CollectorError } from "../model/index.ts";

/** An error of a query that parsed but cannot be evaluated, in Prometheus' words. */
export function executionError(message: string): CollectorError {
  return new CollectorError("QUARTET_PROMQL_EXECUTION", message);
}
