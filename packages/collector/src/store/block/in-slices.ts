const sliceMs = 5;

/**
 * Visits all items in slices of some milliseconds, between which the thread's other work gets its turn.
 * @throws the signal's reason when it aborts
 */
export async function inSlices<T>(
  items: Iterable<T>,
  visit: (item: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  let beganMs = performance.now();
  for (const item of items) {
    visit(item);
    if (performance.now() - beganMs < sliceMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    beganMs = performance.now();
  }
}
