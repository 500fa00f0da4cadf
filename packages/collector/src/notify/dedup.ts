/** Why a notification goes out, in Alertmanager's words. */
export type NotificationReason =
  | "first notification"
  | "new alerts added"
  | "some alerts resolved"
  | "all alerts resolved"
  | "repeat interval elapsed";

/** What a receiver was last told of a group. */
export interface NotificationLogEntry {
  readonly receiver: string;
  readonly groupKey: string;
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly timestampMs: number;
}

export interface DedupInput {
  readonly entry: NotificationLogEntry | undefined;
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
  readonly nowMs: number;
}

/**
 * Whether a group has news for a receiver, and what; undefined: it has none.
 * "all alerts resolved" is given even when the receiver does not want to hear of it, so that the log is cleared.
 * @see Alertmanager, notify/dedup_stage.go
 */
export function findReason(input: DedupInput): NotificationReason | undefined {
  const { entry, firing, resolved } = input;
  if (entry === undefined) return firing.length > 0 ? "first notification" : undefined;
  if (!isSubset(firing, entry.firing)) {
    return entry.firing.length === 0 ? "first notification" : "new alerts added";
  }
  if (firing.length === 0) return entry.firing.length > 0 ? "all alerts resolved" : undefined;
  if (input.sendResolved && !isSubset(resolved, entry.resolved)) return "some alerts resolved";
  return entry.timestampMs < input.nowMs - input.repeatIntervalMs ? "repeat interval elapsed" : undefined;
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  const known = new Set(whole);
  return part.every((fingerprint) => known.has(fingerprint));
}
