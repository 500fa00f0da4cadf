/** Memory that requests under way may take together. */
export interface Budget {
  readonly usedBytes: number;
  /** A request of this client begins; it holds nothing yet. */
  open(client: string): Reservation;
  /** How long it takes, at the pace of the last seconds, until half of what is held is answered: 1 to 30 s. */
  retryAfterMs(): number;
}

/** What one request holds. */
export interface Reservation {
  /** False when there is no room for so much more; what was held stays held. */
  grow(sizeBytes: number): boolean;
  /** Gives everything back. Safe to call twice. */
  release(): void;
}

const paceWindowMs = 5_000;
const retryAfterMinMs = 1_000;
const retryAfterMaxMs = 30_000;
/**
 * A client may hold this many times what is still free. One alone gets four fifths, two get four ninths each, and so on:
 * there is always something left for the next one, without a list of who might come.
 * @see Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 */
const shareOfFree = 4;

/** A budget of `sizeBytesMax`, shared fairly by whoever holds some of it. */
export function createBudget({
  sizeBytesMax,
  nowMs,
}: {
  readonly sizeBytesMax: number;
  readonly nowMs: () => number;
}): Budget {
  let usedBytes = 0;
  /** Of clients that hold something. */
  const heldBy = new Map<string, number>();
  /** Bytes given back since the window began, and in the window before. */
  let releasedBytes = 0;
  let releasedBytesBefore = 0;
  let windowStartMs = nowMs();

  function turnWindow(): void {
    const elapsedMs = nowMs() - windowStartMs;
    if (elapsedMs < paceWindowMs) return;
    releasedBytesBefore = elapsedMs < 2 * paceWindowMs ? releasedBytes : 0;
    releasedBytes = 0;
    windowStartMs += elapsedMs;
  }

  return {
    get usedBytes() {
      return usedBytes;
    },
    open(client) {
      let heldBytes = 0;
      return {
        grow(sizeBytes) {
          const clientBytes = (heldBy.get(client) ?? 0) + sizeBytes;
          const freeBytes = sizeBytesMax - usedBytes - sizeBytes;
          if (clientBytes > shareOfFree * freeBytes) return false;
          heldBy.set(client, clientBytes);
          usedBytes += sizeBytes;
          heldBytes += sizeBytes;
          return true;
        },
        release() {
          if (heldBytes === 0) return;
          turnWindow();
          const left = heldBy.get(client)! - heldBytes;
          if (left === 0) heldBy.delete(client);
          else heldBy.set(client, left);
          usedBytes -= heldBytes;
          releasedBytes += heldBytes;
          heldBytes = 0;
        },
      };
    },
    retryAfterMs() {
      turnWindow();
      const elapsedMs = nowMs() - windowStartMs + paceWindowMs;
      const bytesPerMs = (releasedBytes + releasedBytesBefore) / elapsedMs;
      const waitMs = bytesPerMs > 0 ? usedBytes / 2 / bytesPerMs : retryAfterMaxMs;
      return Math.min(retryAfterMaxMs, Math.max(retryAfterMinMs, Math.ceil(waitMs)));
    },
  };
}
