import type { Notice } from "../resilience/index.ts";
import type { Family, FamilySource } from "./families.ts";

export interface MetricCollectorSettings {
  /** Of two families with one name the first source's is kept. */
  readonly sources: readonly FamilySource[];
  readonly notice: Notice;
}

/**
 * Gives a function that reads the families of all sources, in order. It never rejects: a source that fails gives nothing, which is
 * said once, as a broken collect function of the service's must not hide the rest.
 */
export function createMetricCollector({
  sources,
  notice,
}: MetricCollectorSettings): () => Promise<readonly Family[]> {
  const said = new Set<string>();
  const sayOnce = (key: string, say: () => void): void => {
    if (said.has(key)) return;
    said.add(key);
    say();
  };
  return async () => {
    const byName = new Map<string, Family>();
    for (const source of sources) {
      try {
        for (const family of await source.collect()) {
          if (!byName.has(family.name)) byName.set(family.name, family);
          else
            sayOnce(`name ${family.name}`, () =>
              notice.info("QUARTET_AGENT_METRIC_NAME", `the service has its own ${family.name}; it is kept`),
            );
        }
      } catch (error) {
        sayOnce(`error ${String(error)}`, () =>
          notice.warn("QUARTET_AGENT_INTERNAL", `some metrics could not be collected: ${String(error)}`),
        );
      }
    }
    return [...byName.values()];
  };
}
