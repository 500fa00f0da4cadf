/**
 * Gives the memory of a buffer back at once; the buffer is empty then. Left to the garbage it lies outside the engine's heap, but is
 * counted as growth of it: at some 300 KB a request, all of the heap is then collected again and again, to find nothing.
 * A buffer that has its memory not to itself stays as it is.
 */
export function freeMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) buffer.transfer(0);
}
