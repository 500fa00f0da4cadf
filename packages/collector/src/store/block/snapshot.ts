import { statSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { hasCode, type MetricMetadata, type SeriesExemplars, type TimeRange } from "../../model/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { eachChunk, FloatPool, SampleColumns } from "../chunk/index.ts";
import type { HeadReader } from "../head-reader.ts";
import type { HeadWriter } from "../head-writer.ts";
import { moveAside, snapshotName, type PartPlace } from "./block-file.ts";
import { openBlock, type BlockReader } from "./block-reader.ts";
import { openBlockWriter, type BlockWriter } from "./block-writer.ts";
import { inSlices } from "./in-slices.ts";

const everything: TimeRange = { startMs: -Infinity, endMs: Infinity };

/** What a snapshot holds besides samples, as JSON. */
interface SnapshotExtra {
  /** The caller's own: up to where of the stream the snapshot goes. */
  readonly place: unknown;
  readonly metadata: readonly (readonly [string, MetricMetadata])[];
  /** Where the exemplars are, each part the JSON of an array of `SeriesExemplars`, compressed. */
  readonly exemplarParts?: readonly PartPlace[];
  /** All of them, in snapshots of before there were parts; the programs that wrote those want it to be there. */
  readonly exemplars: readonly SeriesExemplars[];
}

/** The exemplars of some thousand series, all at once, would take megabytes of a thread that has other work. */
const partBytesMin = 64 * 1024;

/**
 * Writes all that the head holds, in the place of the last snapshot, and lets the thread's other work have its turns meanwhile.
 * `place` is given back by `restoreSnapshot`; what the head takes after the call may be there or not.
 * @throws the signal's reason when it aborts: the last snapshot stays
 */
export async function writeSnapshot(
  head: HeadReader,
  { dir, place, signal }: { readonly dir: string; readonly place: object; readonly signal?: AbortSignal },
): Promise<void> {
  using writer = openBlockWriter(join(dir, snapshotName));
  const samples = head.scan(everything);
  await inSlices(samples, ({ labels, ...each }) => writer.add(labels, eachChunk(each)), signal);
  const exemplarParts = await writeExemplars(writer, head, signal);
  await writer.settle();
  const extra: SnapshotExtra = { place, metadata: [...head.metadata()], exemplarParts, exemplars: [] };
  // Its name says no stretch, and nobody asks for one.
  writer.finish({ startMs: 0, endMs: 0 }, extra);
}

async function writeExemplars(
  writer: BlockWriter,
  head: HeadReader,
  signal: AbortSignal | undefined,
): Promise<readonly PartPlace[]> {
  const places: PartPlace[] = [];
  let series: string[] = [];
  let sizeBytes = 0;
  const flush = () => {
    if (series.length === 0) return;
    const json = Buffer.from(`[${series.join(",")}]`);
    places.push(writer.addPart(zstdCompressSync(json, { pledgedSrcSize: json.length })));
    series = [];
    sizeBytes = 0;
  };
  const visit = (each: SeriesExemplars) => {
    const json = JSON.stringify(each);
    series.push(json);
    sizeBytes += json.length;
    if (sizeBytes >= partBytesMin) flush();
  };
  await inSlices(head.scanExemplars(everything), visit, signal);
  flush();
  return places;
}

/** Bytes of the last snapshot on disk; 0 when there is none. */
export function snapshotSizeBytes(dir: string): number {
  return statSync(join(dir, snapshotName), { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Fills an empty head from the last snapshot; undefined when there is none, or none that can be read: it is moved aside, and the
 * stream must be read from where it begins.
 */
export function restoreSnapshot(head: HeadWriter, dir: string, log: Log): unknown {
  const path = join(dir, snapshotName);
  let block: BlockReader;
  try {
    block = openBlock(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    reportDamage(path, error, log);
    return undefined;
  }
  try {
    const { metadata, exemplarParts = [], exemplars, place } = block.index.extra as unknown as SnapshotExtra;
    for (const [metric, known] of metadata) head.describe(metric, known);
    const columns = new SampleColumns({ hasStarts: true });
    const pool = new FloatPool();
    for (const { slot, labels } of block.index.series.match([])) {
      columns.clear();
      block.read(slot, everything, columns);
      head.restore({ labels, ...columns.copy(pool) });
    }
    const unknown = { type: "unknown", help: "", unit: "", startTimestampMs: 0, samples: [] } as const;
    const takeExemplars = (all: readonly SeriesExemplars[]) =>
      head.ingest(all.map((each) => ({ ...unknown, ...each })));
    takeExemplars(exemplars);
    for (const part of exemplarParts)
      takeExemplars(JSON.parse(zstdDecompressSync(block.part(part)).toString()) as SeriesExemplars[]);
    return place;
  } catch (error) {
    // What was taken in until then is true; the stream has it once more.
    reportDamage(path, error, log);
    return undefined;
  } finally {
    block.close();
  }
}

function reportDamage(path: string, error: unknown, log: Log): void {
  if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
  const aside = moveAside(path);
  log.error("the snapshot of the store is damaged; the head is filled from the journal", { error, aside });
}
