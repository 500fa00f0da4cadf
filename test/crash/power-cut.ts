import {
  createJournalShared,
  openQuarantine,
  openStreamReader,
  openStreamWriter,
  readDeadLetters,
  readSegments,
} from "../../packages/collector/src/journal/index.ts";
import type { Clock } from "../../packages/collector/src/model/index.ts";
import { createRandom, SimulatedDisk, type DiskFault, type DiskOperation } from "./simulated-disk.ts";

const stream = "spans";
const dir = "/data";
const consumer = "derive";

interface Known {
  /** Text of every record that was acknowledged, by offset. */
  readonly acknowledged: Map<number, string>;
  /** Texts of all records that were ever handed in. */
  readonly offered: Set<string>;
  /** Highest offset whose commit returned. */
  committed: number;
  /** Offsets of the records that are in quarantine for certain. */
  readonly quarantined: Set<number>;
  compressedCount: number;
  reusedCount: number;
}

export interface PowerCutResult {
  readonly acknowledgedCount: number;
  readonly cutCount: number;
  readonly quarantinedCount: number;
  readonly compressedCount: number;
  /** Segments in files that had been those of others. */
  readonly reusedCount: number;
}

/**
 * Lives through several power cuts on one disk, some of them with failing syncs and full disks before, and checks after each:
 * what was acknowledged and is still needed is there, under its offset, and nothing is there that nobody handed in.
 * @throws Error naming the seed and what is wrong.
 */
export async function runPowerCuts(seed: number): Promise<PowerCutResult> {
  const random = createRandom(seed);
  const between = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1));
  const isFaulty = random() < 0.4;
  const fault = (operation: DiskOperation): DiskFault | undefined =>
    isFaulty && operation !== "remove" && random() < 0.04 ? (random() < 0.5 ? "EIO" : "ENOSPC") : undefined;
  let isHealthy = true;
  const options = { random, fault: (operation: DiskOperation) => (isHealthy ? undefined : fault(operation)) };
  const known: Known = {
    acknowledged: new Map(),
    offered: new Set(),
    committed: 0,
    quarantined: new Set(),
    compressedCount: 0,
    reusedCount: 0,
  };
  let disk = new SimulatedDisk(options);
  let nowMs = 0;
  const clock: Clock = { nowMs: () => (nowMs += 7), setTimer: () => () => undefined };
  const lives = between(1, 3);
  for (let life = 0; life < lives; life += 1) {
    disk.operationsUntilOff = between(1, 80);
    isHealthy = false;
    await Promise.race([disk.off, live(disk, { known, clock, random, between })]);
    isHealthy = true;
    disk = disk.reboot({ ...options, isTorn: random() < 0.7 });
    await check(disk, { known, clock, seed });
  }
  const { acknowledged, quarantined, compressedCount, reusedCount } = known;
  return {
    acknowledgedCount: acknowledged.size,
    cutCount: lives,
    quarantinedCount: quarantined.size,
    compressedCount,
    reusedCount,
  };
}

/** At once, without rests. */
const compression = { afterMs: 0, share: 1 };

interface Life {
  readonly known: Known;
  readonly clock: Clock;
  readonly random: () => number;
  readonly between: (min: number, max: number) => number;
}

/** Appends, reads and commits until the power goes (or, with a broken disk, until nothing works any more). */
async function live(disk: SimulatedDisk, { known, clock, random, between }: Life): Promise<void> {
  const shared = createJournalShared();
  const isKeen = random() < 0.3;
  const segmentSizeBytesMax = between(300, isKeen ? 2_000 : 6_000);
  const consumers = [{ name: consumer, kind: "state" }] as const;
  try {
    const writer = await openStreamWriter({
      dir,
      stream,
      shared,
      files: disk,
      clock,
      segmentSizeBytesMax,
      consumers,
      compression,
    });
    const reader = openStreamReader({ dir, stream, consumer, shared, files: disk, clock });
    const quarantine = openQuarantine({ dir, stream, consumer, files: disk, clock });
    while (!disk.isOff) {
      const appends = Array.from({ length: between(1, 6) }, async () => {
        const text = `${known.offered.size}:${"x".repeat(between(0, Math.min(1_500, segmentSizeBytesMax - 10)))}`;
        known.offered.add(text);
        const payload = [Buffer.from(text.slice(0, 5)), Buffer.from(text.slice(5))];
        const { offset } = await writer.append({ payload, itemCount: 1, receivedAtMs: clock.nowMs() });
        known.acknowledged.set(offset, text);
      });
      await Promise.allSettled(appends);
      // Else hardly a segment is passed, and its file used again.
      if (isKeen) while (reader.read({ sizeBytesMax: 5_000 }).length > 0);
      else if (random() < 0.3) {
        const [record] = reader.read({ sizeBytesMax: between(1, 5_000) });
        if (record !== undefined && random() < 0.3) {
          const { offset } = record.position;
          quarantine.put(record, new Error("poison"));
          // A disk that fails is tried again with the next one.
          const [kept] = await Promise.allSettled([quarantine.settled()]);
          if (kept.status === "fulfilled") known.quarantined.add(offset);
        }
      }
      // Often the power goes in the middle of it.
      if (random() < 0.2) await writer.compact();
      if (isKeen || random() < 0.3) {
        const offset = reader.nextOffset;
        reader.commit(offset);
        known.committed = Math.max(known.committed, offset);
      }
      if (random() < (isKeen ? 0.5 : 0.1)) await writer.retain();
    }
  } catch (error) {
    // Every synchronous operation may be the one at which the power goes or the disk fails.
    if (!/the power is off|EIO|ENOSPC|cannot be opened/.test(String(error))) throw error;
  }
}

async function check(
  disk: SimulatedDisk,
  { known, clock, seed }: { known: Known; clock: Clock; seed: number },
): Promise<void> {
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream, shared, files: disk, clock, compression });
  // Every second time all is read from compressed segments.
  if (seed % 2 === 0) await writer.compact();
  const headers = headersOn(disk);
  known.compressedCount += headers.filter(({ isCompressed }) => isCompressed).length;
  known.reusedCount += headers.filter(({ reusedSizeBytes }) => reusedSizeBytes > 0).length;
  const found = new Map<number, string>();
  let last = -1;
  for (const { position, payload } of readSegments({ dir, stream, files: disk })) {
    if (position.offset <= last) throw new Error(`seed ${seed}: offset ${position.offset} after ${last}`);
    last = position.offset;
    const text = Buffer.from(payload).toString("utf8");
    if (!known.offered.has(text))
      throw new Error(`seed ${seed}: offset ${last} has a record that nobody handed in`);
    found.set(last, text);
  }
  const reader = openStreamReader({ dir, stream, consumer, shared, files: disk, clock });
  if (reader.nextOffset < known.committed) {
    throw new Error(`seed ${seed}: the cursor went back from ${known.committed} to ${reader.nextOffset}`);
  }
  for (const [offset, text] of known.acknowledged) {
    // Below the cursor a segment may have been deleted.
    const isNeeded = offset >= reader.nextOffset;
    if (found.get(offset) === text || (!isNeeded && !found.has(offset))) continue;
    throw new Error(
      `seed ${seed}: record ${offset} was acknowledged and is ${found.has(offset) ? "another" : "missing"}`,
    );
  }
  const letters = new Set([...readDeadLetters({ dir, files: disk })].map(({ note }) => note.offset));
  for (const offset of known.quarantined) {
    if (!letters.has(offset)) throw new Error(`seed ${seed}: the dead letter of record ${offset} is missing`);
  }
  const unread: number[] = [];
  for (;;) {
    const records = reader.read({ sizeBytesMax: 3_000 });
    if (records.length === 0) break;
    unread.push(...records.map(({ position }) => position.offset));
  }
  const expected = [...found.keys()].filter((offset) => offset >= (unread[0] ?? Number.POSITIVE_INFINITY));
  if (unread.join() !== expected.join())
    throw new Error(`seed ${seed}: the reader saw ${unread.join()}, not ${expected.join()}`);
  for (const [offset, text] of found) known.acknowledged.set(offset, text);
  const { offset } = await writer.append({ payload: [Buffer.from("0:")], itemCount: 1, receivedAtMs: 0 });
  known.offered.add("0:");
  known.acknowledged.set(offset, "0:");
  reader.close();
  await writer.close();
}

/** What the segments say of themselves, after the journal's format.ts. */
function headersOn(
  disk: SimulatedDisk,
): { readonly isCompressed: boolean; readonly reusedSizeBytes: number }[] {
  const folder = `${dir}/journal/${stream}`;
  return disk.list(folder).map((name) => {
    const header = Buffer.alloc(96);
    const fd = disk.openForRead(`${folder}/${name}`);
    disk.read(fd, header, 0);
    disk.close(fd);
    return { isCompressed: header.readUInt32LE(12) === 1, reusedSizeBytes: header.readUInt32LE(80) };
  });
}
