import type { Registry } from "prom-client";

/** One sample of a family, as prom-client gives it: `metricName` differs from the family's for `_bucket`, `_sum` and `_count`. */
export interface FamilySample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string | undefined;
}

type FamilyType = "counter" | "gauge" | "histogram" | "summary";

/** All samples of one metric name: what /metrics shows and what is pushed. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  readonly samples: readonly FamilySample[];
}

/** Anything that gives families: a registry of prom-client's, or counters of the agent's. */
export interface FamilySource {
  collect(): Promise<readonly Family[]> | readonly Family[];
}

/** A registry of prom-client's; of the service's copy too, whatever version that is. */
export function familiesOfRegistry(registry: Pick<Registry, "getMetricsAsJSON">): FamilySource {
  return {
    async collect() {
      const metrics = await registry.getMetricsAsJSON();
      return metrics.map((metric) => ({
        name: metric.name,
        help: metric.help,
        type: String(metric.type) as FamilyType,
        samples: metric.values as readonly FamilySample[],
      }));
    },
  };
}
