import { CollectorError } from "../model/index.ts";
import { slotGeneration, slotInts, slotVersion, type HeadViews } from "./layout.ts";

const spinsMax = 64;
const waitMs = 1;
const waitsMax = 2_000;

/** What `readGuarded` gives when the slot no longer belongs to the series that was asked for. */
export const gone: unique symbol = Symbol("gone");

/**
 * Runs `read` until it saw the slot's chains at rest from beginning to end, and gives its last result.
 * `read` may meet blocks that are being reused: it must bound its steps, check every index, and never throw for what it
 * finds; `isCurrent()` tells it early, before it allocates or walks far, that its result will be discarded.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION when the writer stays in the middle of a change (its thread died).
 */
export function readGuarded<T>(
  views: HeadViews,
  slot: number,
  generation: number,
  read: (isCurrent: () => boolean) => T,
): T | typeof gone {
  const base = slot * slotInts;
  if (base >= views.slots.length) views.refresh();
  const { slots } = views;
  for (let attempt = 0; attempt < spinsMax + waitsMax; attempt += 1) {
    const version = Atomics.load(slots, base + slotVersion);
    if (version % 2 !== 0) {
      // The writer's thread may have been descheduled half-way: sleep instead of burning its core.
      if (attempt >= spinsMax) Atomics.wait(slots, base + slotVersion, version, waitMs);
      continue;
    }
    if (Atomics.load(slots, base + slotGeneration) !== generation) return gone;
    const result = read(() => Atomics.load(slots, base + slotVersion) === version);
    // A plain atomic load would let the reads above sink below it on weakly ordered machines; a
    // read-modify-write does not (H. Boehm, "Can seqlocks get along with programming language memory models?", 2012).
    if (Atomics.add(slots, base + slotVersion, 0) === version) return result;
  }
  throw new CollectorError("QUARTET_PROMQL_EXECUTION", "the store's writer does not finish a change");
}

/** Changes the chains of a slot so that no reader takes a half-done state for the truth. */
export function changeGuarded(views: HeadViews, slot: number, change: () => void): void {
  const at = slot * slotInts + slotVersion;
  Atomics.add(views.slots, at, 1);
  try {
    change();
  } finally {
    Atomics.add(views.slots, at, 1);
  }
}
