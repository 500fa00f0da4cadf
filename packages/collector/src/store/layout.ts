/**
 * The head of the store in shared memory: one writer, any number of readers in other threads.
 *
 * Three areas besides a page of counters, each a growable SharedArrayBuffer:
 *
 *   slots      one per live series: where its chains of blocks begin and end, and a version that guards them
 *   arena      blocks of one size, chained per series; what a block holds is its format's business (columns.ts, packed.ts, exemplars.ts,
 *              histograms.ts)
 *   catalogue  two append-only logs of label sets, one in use, the other for the next compaction (catalogue-*.ts)
 *
 * Appending needs no lock: the writer fills in data, then publishes a length with Atomics.store. Everything else
 * (unlinking, inserting, dropping a series) happens between two increments of the slot's version, and a reader
 * discards what it read when the version was odd or has changed since (a seqlock, see `readGuarded`).
 */
export interface HeadHandle {
  readonly layoutVersion: 1;
  readonly control: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly catalogues: readonly [SharedArrayBuffer, SharedArrayBuffer];
}

/** Index of each 32-bit counter in `control`. */
export const controlEpoch = 0;
/** The published length of catalogue 0; that of catalogue 1 follows. */
export const controlCatalogueLength = 1;

export const slotInts = 8;
export const slotBytes: number = slotInts * 4;
/** Even: at rest. Odd: the writer is changing the chains of this slot. */
export const slotVersion = 0;
/** Grows whenever the slot changes hands, so that a reader with an old catalogue cannot take one series for another. */
export const slotGeneration = 1;
export const slotFirstBlock = 2;
export const slotLastBlock = 3;
export const slotFirstExemplarBlock = 4;
export const slotLastExemplarBlock = 5;

/** 32 samples of 16 bytes, or 512 bytes of whatever a format makes of them. */
export const blockBodyBytes = 512;
export const blockHeadBytes = 24;
export const blockBytes: number = blockHeadBytes + blockBodyBytes;
export const blockInts: number = blockBytes / 4;
export const blockFloats: number = blockBytes / 8;
export const blockHeadFloats: number = blockHeadBytes / 8;
/** The block that follows; 0 = none (block 0 is never given out). */
export const blockNext = 0;
/** What is valid in the body, in the format's own unit. Published last. */
export const blockLength = 1;
export const blockFormat = 2;
/** Index in 64-bit floats; packed blocks: the time of their last sample. Columns: when their counter began, Unix ms; 0 = unknown. */
export const blockTimeFloat = 2;
/** 1: columns that do not get smaller. */
export const blockIsUnpackable = 3;

/** Which codec reads the body. */
export const formatFloatColumns = 1;
export const formatExemplars = 2;
/** Bytes of native histograms. */
export const formatHistograms = 3;
/** Float columns in which some values refer to native histograms. */
export const formatMixedColumns = 4;
/** Compressed chunks of what columns held. */
export const formatPacked = 5;

/**
 * Typed views of the shared areas. The views have a fixed length and are made anew after a growth: views that follow
 * the length of a growable buffer by themselves are about fifteen times slower to index in V8 (measured).
 */
export class HeadViews {
  readonly handle: HeadHandle;
  readonly control: Int32Array;
  slots: Int32Array;
  ints: Int32Array;
  floats: Float64Array;
  bytes: Uint8Array;

  constructor(handle: HeadHandle) {
    this.handle = handle;
    this.control = new Int32Array(handle.control);
    this.slots = new Int32Array(0);
    this.ints = new Int32Array(0);
    this.floats = new Float64Array(0);
    this.bytes = new Uint8Array(0);
    this.refresh();
  }

  /** Takes in what the writer has grown since. */
  refresh(): void {
    const { slots, arena } = this.handle;
    const slotLength = slots.byteLength;
    if (slotLength !== this.slots.byteLength) this.slots = new Int32Array(slots, 0, slotLength / 4);
    const arenaLength = arena.byteLength - (arena.byteLength % blockBytes);
    if (arenaLength !== this.bytes.byteLength) {
      this.ints = new Int32Array(arena, 0, arenaLength / 4);
      this.floats = new Float64Array(arena, 0, arenaLength / 8);
      this.bytes = new Uint8Array(arena, 0, arenaLength);
    }
  }

  /** How many slots the views reach. */
  get slotCount(): number {
    return this.slots.length / slotInts;
  }

  /** How many blocks the views reach, block 0 included. */
  get blockCount(): number {
    return this.bytes.byteLength / blockBytes;
  }
}

/** Bounds of the shared areas; address space is reserved up to them, memory is taken as it is needed. */
export interface HeadBounds {
  readonly seriesMax: number;
  readonly arenaBytesMax: number;
  readonly catalogueBytesMax: number;
}

const initialBytes = 64 * 1024;

/** Empty shared areas. */
export function createHandle(bounds: HeadBounds): HeadHandle {
  const growable = (maxByteLength: number) =>
    new SharedArrayBuffer(Math.min(initialBytes, maxByteLength), { maxByteLength });
  return {
    layoutVersion: 1,
    control: new SharedArrayBuffer(64),
    slots: growable(Math.max(1, bounds.seriesMax) * slotBytes),
    arena: growable(Math.max(initialBytes, bounds.arenaBytesMax)),
    catalogues: [
      growable(Math.max(initialBytes, bounds.catalogueBytesMax)),
      growable(Math.max(initialBytes, bounds.catalogueBytesMax)),
    ],
  };
}

/** Grows a buffer to hold `neededBytes`, with room to spare; false when its bound forbids it. */
export function growTo(buffer: SharedArrayBuffer, neededBytes: number): boolean {
  if (neededBytes <= buffer.byteLength) return true;
  if (neededBytes > buffer.maxByteLength) return false;
  // Pages are only taken when touched, so a generous step costs nothing and keeps growth rare.
  const wanted = Math.ceil(Math.max(neededBytes, buffer.byteLength * 1.5) / 4096) * 4096;
  buffer.grow(Math.min(buffer.maxByteLength, wanted));
  return true;
}
