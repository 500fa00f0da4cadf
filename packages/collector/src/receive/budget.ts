/** Memory that requests under way may take together. */
export interface Budget {
  readonly usedBytes: number;
  /** A request begins; it holds nothing yet. */
  open(): Reservation;
  /** How long it takes, at the pace of the last seconds, until half of what is held is answered: 1 to 30 s. */
  retryAfterMs(): number;
}

/** What one request holds. */
export interface Reservation {
  /** False when there is no room; what was held stays held. */
  grow(sizeBytes: number): boolean;
  /** Gives everything back. Safe to call twice. */
  release(): void;
}

const paceWindowMs = 5_000;
const retryAfterMinMs = 1_000;
const retryAfterMaxMs = 30_000;

/** A budget of `sizeBytesMax`; one request may always take it whole when it is alone. */
export function createBudget({
  sizeBytesMax,
  nowMs,
}: {
  readonly sizeBytesMax: number;
  readonly nowMs: () => number;
}): Budget {
  let usedBytes = 0;
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
    open() {
      let heldBytes = 0;
      return {
        grow(sizeBytes) {
          if (usedBytes + sizeBytes > sizeBytesMax) return false;
          usedBytes += sizeBytes;
          heldBytes += sizeBytes;
          return true;
        },
        release() {
          turnWindow();
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
