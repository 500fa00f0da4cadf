import { xxhash64 } from "./xxhash.ts";

const nanosecondsPerMs = 1_000_000n;

/** Labels as Prometheus lays them out in memory: each text behind its length, 255 announcing three bytes of it. */
function encodeLabels(texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const { length } = bytes;
      const size = length < 255 ? [length] : [255, length & 255, (length >> 8) & 255, (length >> 16) & 255];
      return [Buffer.from(size), bytes];
    }),
  );
}

/** When a rule group is evaluated: at times that lie `intervalMs` apart, moved by a hash so that groups spread out. */
export interface SlotSchedule {
  /** The newest slot at or before `nowMs`. Slots lie on nanoseconds; the whole millisecond below is given. */
  latestMs(nowMs: number): number;
  /** The slot after this one. */
  nextMs(slotMs: number): number;
}

/**
 * The schedule of a group, the same as in a Prometheus that has the same file path.
 * @see Prometheus 3.14, rules/group.go, EvalTimestamp
 */
export function createSlotSchedule(group: {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
}): SlotSchedule {
  const interval = BigInt(group.intervalMs) * nanosecondsPerMs;
  const offset = xxhash64(encodeLabels(["file", group.file, "name", group.name])) % interval;
  // A slot that is asked for by its own rounded-down time must be found again.
  const latest = (now: bigint) => now - ((((now - offset) % interval) + interval) % interval);
  const toMs = (time: bigint) => Number(time / nanosecondsPerMs);
  const endOf = (nowMs: number) => BigInt(Math.floor(nowMs)) * nanosecondsPerMs + nanosecondsPerMs - 1n;
  return {
    latestMs: (nowMs) => toMs(latest(endOf(nowMs))),
    nextMs: (slotMs) => toMs(latest(endOf(slotMs)) + interval),
  };
}
