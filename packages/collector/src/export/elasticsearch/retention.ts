import { managedBy } from "./templates.ts";

/** Who deletes old data on a server: Elasticsearch's ILM, OpenSearch's ISM, or the data stream itself (Elasticsearch without ILM). */
export type Lifecycle = "ilm" | "ism" | "data_stream";

const dayMs = 86_400_000;
const units = [
  ["d", dayMs],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** A time as both servers write it, in the largest unit that it is a multiple of. */
export function formatAge(ageMs: number): string {
  const wholeMs = Math.max(1_000, Math.round(ageMs / 1_000) * 1_000);
  const [unit, unitMs] = units.find(([, sizeMs]) => wholeMs % sizeMs === 0)!;
  return `${wholeMs / unitMs}${unit}`;
}

/** An index is deleted as a whole, so data stays for the retention and at most this. */
function rolloverAge(retentionMs: number): string {
  return formatAge(Math.min(dayMs, retentionMs));
}

const shardSizeMax = "50gb";

/** Body of `PUT _ilm/policy/NAME`. @see Elasticsearch reference, "Create or update lifecycle policy" */
export function buildIlmPolicy(retentionMs: number): object {
  const retention = formatAge(retentionMs);
  return {
    policy: {
      _meta: { managed_by: managedBy, retention },
      phases: {
        hot: {
          actions: {
            rollover: { max_age: rolloverAge(retentionMs), max_primary_shard_size: shardSizeMax },
          },
        },
        delete: { min_age: retention, actions: { delete: {} } },
      },
    },
  };
}

/** Body of `PUT _plugins/_ism/policies/NAME`; it takes hold of the data streams by itself. @see OpenSearch documentation, "Policies" */
export function buildIsmPolicy(retentionMs: number, indexPattern: string): object {
  return {
    policy: {
      description: ismDescription(retentionMs),
      default_state: "hot",
      states: [
        {
          name: "hot",
          actions: [
            { rollover: { min_index_age: rolloverAge(retentionMs), min_primary_shard_size: shardSizeMax } },
          ],
          transitions: [{ state_name: "delete", conditions: { min_rollover_age: formatAge(retentionMs) } }],
        },
        { name: "delete", actions: [{ delete: {} }], transitions: [] },
      ],
      ism_template: [{ index_patterns: [indexPattern], priority: 113 }],
    },
  };
}

const ismMark = "Managed by quartet, retention ";

/** A policy of ISM has no other place for a mark. */
function ismDescription(retentionMs: number): string {
  return ismMark + formatAge(retentionMs);
}

/** Whether a policy that is there is ours and of another retention. */
export function isOutdatedIlm(answer: unknown, name: string, retentionMs: number): boolean {
  const policies = answer as Record<
    string,
    { policy?: { _meta?: Record<string, unknown> } } | undefined
  > | null;
  const mark = policies?.[name]?.policy?._meta;
  return mark?.["managed_by"] === managedBy && mark["retention"] !== formatAge(retentionMs);
}

/** The same of an ISM policy. */
export function isOutdatedIsm(answer: unknown, retentionMs: number): boolean {
  const description = (answer as { policy?: { description?: string } } | null)?.policy?.description ?? "";
  return description.startsWith(ismMark) && description !== ismDescription(retentionMs);
}
