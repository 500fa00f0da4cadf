import type { CollectorError, JournalBatch, Position } from "../model/index.ts";
import { encodeRecordHeader, recordHeaderSizeBytes } from "./format.ts";

/** An append that is not settled yet. */
export interface Waiting {
  readonly batch: JournalBatch;
  readonly payloadSizeBytes: number;
  resolve(position: Position): void;
  reject(error: CollectorError): void;
}

const recordCountMax = 512;
const sizeBytesMax = 16 * 1024 * 1024;

/** How many of those waiting fit one sync and the room left in a segment; the first one always goes, even to a segment of its own. */
export function measureGroup(
  waiting: readonly Waiting[],
  roomSizeBytes: number,
): { readonly count: number; readonly sizeBytes: number } {
  let sizeBytes = 0;
  let count = 0;
  for (const { payloadSizeBytes } of waiting) {
    const next = sizeBytes + recordHeaderSizeBytes + payloadSizeBytes;
    if (count > 0 && (count >= recordCountMax || next > sizeBytesMax || next > roomSizeBytes)) break;
    sizeBytes = next;
    count += 1;
  }
  return { count, sizeBytes };
}

/** The records of a group as they go to disk, the first one with offset `firstOffset`. */
export function encodeGroup(
  group: readonly Waiting[],
  { firstOffset, seed }: { readonly firstOffset: number; readonly seed: number },
): Uint8Array[] {
  const headers = Buffer.allocUnsafe(recordHeaderSizeBytes * group.length);
  const buffers: Uint8Array[] = [];
  for (const [index, { batch, payloadSizeBytes }] of group.entries()) {
    const header = headers.subarray(index * recordHeaderSizeBytes, (index + 1) * recordHeaderSizeBytes);
    const { receivedAtMs, itemCount, payload, addressee } = batch;
    const isAddressed = addressee !== undefined;
    const fields = { offset: firstOffset + index, receivedAtMs, itemCount, isAddressed };
    encodeRecordHeader(header, seed, fields, payload, payloadSizeBytes);
    buffers.push(header, ...payload);
  }
  return buffers;
}

/** Items and payload bytes of a group. */
export function sumGroup(group: readonly Waiting[]): { readonly items: number; readonly bytes: number } {
  let items = 0;
  let bytes = 0;
  for (const { batch, payloadSizeBytes } of group) {
    items += batch.itemCount;
    bytes += payloadSizeBytes;
  }
  return { items, bytes };
}

/** Whether the header of a record can hold what the batch says. */
export function isWritable({ itemCount, receivedAtMs, addressee = "" }: JournalBatch): boolean {
  return (
    itemCount >>> 0 === itemCount &&
    receivedAtMs >= 0 &&
    receivedAtMs < 2 ** 48 &&
    /^[\x20-\x7e]{0,255}$/.test(addressee)
  );
}

/** On disk the name of the addressee stands before the payload. */
export function withAddress(batch: JournalBatch): JournalBatch {
  const { addressee } = batch;
  if (addressee === undefined) return batch;
  const name = Buffer.from(addressee, "latin1");
  return { ...batch, payload: [Buffer.from([name.length]), name, ...batch.payload] };
}
