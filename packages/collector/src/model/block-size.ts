const blockSizeBytesMin = 64 * 1024;
/** A larger one is rare, and would hold memory that nobody needs again soon. */
const blockSizeBytesMax = 4 * 1024 * 1024;

/** How much memory to take for so many bytes that it serves others after them: sizes double from 64 KiB to 4 MiB, beyond they are as they are. */
export function blockSizeFor(sizeBytes: number): number {
  if (sizeBytes > blockSizeBytesMax) return sizeBytes;
  return Math.max(blockSizeBytesMin, 2 ** Math.ceil(Math.log2(sizeBytes)));
}

/** Whether memory of that size is worth keeping for others. */
export function isBlockSize(sizeBytes: number): boolean {
  return sizeBytes <= blockSizeBytesMax && sizeBytes === blockSizeFor(sizeBytes);
}
