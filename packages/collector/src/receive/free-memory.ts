/**
 * Gives the memory of a buffer back at once; the buffer is empty then. Left to the garbage, the pieces of bodies are some 300 KB a request
 * outside the engine's heap, which it counts as growth of its heap: it then collects all of that again and again, to find nothing.
 * A buffer that has its memory not to itself stays as it is.
 */
export function freeMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) buffer.transfer(0);
}
