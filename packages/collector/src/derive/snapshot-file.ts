import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { DefaultSerializer, deserialize } from "node:v8";
import { crc32 } from "node:zlib";
import { CollectorError } from "../model/index.ts";

/** "QTDERIVE", version, CRC-32 and length of what follows (32 bits each, little endian), then V8's structured clone. */
const magic = "QTDERIVE";
const version = 1;
const headBytes = 20;

/** A snapshot as bytes; a copy, so that the state may go on changing. */
export function encodeSnapshot(state: unknown): Uint8Array {
  const serializer = new DefaultSerializer();
  serializer.writeRawBytes(Buffer.alloc(headBytes));
  serializer.writeHeader();
  serializer.writeValue(state);
  const bytes = serializer.releaseBuffer();
  const body = bytes.subarray(headBytes);
  bytes.write(magic, "latin1");
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(crc32(body), 12);
  bytes.writeUInt32LE(body.length, 16);
  return bytes;
}

/** Puts a snapshot in the place of the last one: whole and synced, or not at all. */
export async function replaceSnapshot(file: string, bytes: Uint8Array): Promise<void> {
  const next = `${file}.next`;
  const handle = await open(next, "w");
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  // The new name is on disk only when its folder is.
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export type FoundSnapshot =
  | { readonly kind: "none" }
  | { readonly kind: "state"; readonly state: unknown }
  /** The disk's fault: the file is replaced atomically, so no crash of ours leaves such a one. */
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * The last snapshot.
 * @throws CollectorError QUARTET_STATE_INVALID when a newer version wrote it.
 */
export async function readSnapshot(file: string): Promise<FoundSnapshot> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { kind: "none" };
    throw cause;
  }
  if (bytes.length < headBytes || bytes.toString("latin1", 0, 8) !== magic)
    return { kind: "damaged", reason: "it is no derive snapshot" };
  const found = bytes.readUInt32LE(8);
  if (found > version) {
    throw new CollectorError(
      "QUARTET_STATE_INVALID",
      `${file} has version ${found}, this program knows ${version}: start the newer one, or move the file away to count anew from what the journal still holds`,
    );
  }
  const body = bytes.subarray(headBytes);
  if (body.length !== bytes.readUInt32LE(16) || crc32(body) !== bytes.readUInt32LE(12))
    return { kind: "damaged", reason: "its checksum is wrong" };
  return { kind: "state", state: deserialize(body) };
}

/** Puts a damaged snapshot where a person finds it and the next one does not replace it; gives the new name. */
export async function moveSnapshotAside(file: string): Promise<string> {
  const aside = `${file}.damaged`;
  await rename(file, aside);
  return aside;
}
