/** A back end that takes less than this at a time takes nothing. */
const sizeBytesMin = 64 * 1024;
/** A limit may have been raised, or a link be faster again; trying costs one request. */
const growAfterMs = 60_000;

/** How many bytes go into one batch: as many as configured, less once that was too much for the back end or the link. */
export class BatchSize {
  readonly #configuredBytes: number;
  #changedAtMs = 0;
  #bytes: number;

  constructor(configuredBytes: number) {
    this.#configuredBytes = configuredBytes;
    this.#bytes = configuredBytes;
  }

  /** Half as much as was too much; twice as much as now a minute later, up to what is configured. */
  bytesAt(nowMs: number): number {
    if (this.#bytes < this.#configuredBytes && nowMs - this.#changedAtMs >= growAfterMs) {
      this.#bytes = Math.min(this.#configuredBytes, this.#bytes * 2);
      this.#changedAtMs = nowMs;
    }
    return this.#bytes;
  }

  /** A batch of this size did not get through. */
  learn(refusedSizeBytes: number, nowMs: number): void {
    this.#bytes = Math.max(sizeBytesMin, Math.min(this.#bytes, refusedSizeBytes >> 1));
    this.#changedAtMs = nowMs;
  }
}
