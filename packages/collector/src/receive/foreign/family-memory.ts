import { labelValue, metricNameLabel, type SeriesWrite } from "../../model/index.ts";
import type { FamilyMetadata } from "../../otlp/index.ts";

/** What senders of remote write 1.0 said of metrics: they say it once a minute, apart from the series. */
export interface FamilyMemory {
  remember(metadata: readonly FamilyMetadata[]): void;
  /** The write with type, help and unit, if they are known and it has none. */
  describe(write: SeriesWrite): SeriesWrite;
}

const familiesMax = 20_000;
const textLengthMax = 1_000;

/** What the name of a series has behind the name of its family, by the family's type. */
const suffixes: readonly (readonly [suffix: string, types: readonly string[]])[] = [
  ["_bucket", ["histogram", "gaugehistogram"]],
  ["_sum", ["histogram", "gaugehistogram", "summary"]],
  ["_count", ["histogram", "gaugehistogram", "summary"]],
  ["_total", ["counter"]],
  ["_info", ["info"]],
];

/** Bounds: 20,000 metrics; those told longest ago are forgotten first. */
export function createFamilyMemory(): FamilyMemory {
  const families = new Map<string, FamilyMetadata>();

  function familyOf(name: string): FamilyMetadata | undefined {
    const whole = families.get(name);
    if (whole !== undefined) return whole;
    for (const [suffix, types] of suffixes) {
      if (!name.endsWith(suffix)) continue;
      const family = families.get(name.slice(0, -suffix.length));
      return family !== undefined && types.includes(family.type) ? family : undefined;
    }
    return undefined;
  }

  return {
    remember(metadata) {
      for (const { family, type, help, unit } of metadata) {
        if (family === "" || family.length > textLengthMax) continue;
        families.delete(family);
        families.set(family, {
          family,
          type,
          help: help.slice(0, textLengthMax),
          unit: unit.slice(0, textLengthMax),
        });
        if (families.size > familiesMax) families.delete(families.keys().next().value!);
      }
    },
    describe(write) {
      if (families.size === 0 || write.type !== "unknown" || write.help !== "" || write.unit !== "")
        return write;
      const known = familyOf(labelValue(write.labels, metricNameLabel));
      return known === undefined ? write : { ...write, type: known.type, help: known.help, unit: known.unit };
    },
  };
}
