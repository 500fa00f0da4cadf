import { hasCode, type Clock, type SeriesWrite } from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";

/** Brings batches of samples to the `series` stream, one after the other. */
export interface Appender {
  /** Something is under way. */
  readonly isBusy: boolean;
  /** A batch could not be written before the end. */
  readonly hasGivenUp: boolean;
  /** Only when nothing is under way. An empty batch is done at once. */
  write(this: void, writes: readonly SeriesWrite[]): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Waits for what is under way, though not for a stream that keeps failing. */
  close(): Promise<void>;
}

/** A record of the `series` stream holds about this many series, some 100 KiB. */
const writesPerRecord = 1_000;
const retryFirstMs = 50;
const retryMaxMs = 5_000;
const closeWaitMs = 5_000;

export function createAppender({
  append,
  clock,
  telemetry,
  log,
  stopping,
  settled,
}: {
  readonly append: (writes: readonly SeriesWrite[], receivedAtMs: number) => Promise<void>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** Called when a batch is done. */
  readonly settled: () => void;
}): Appender {
  let underWay: Promise<void> | undefined;
  let wasGivenUp = false;
  let isFailing = false;
  const written = telemetry.counter({
    name: "quartet_derive_samples_total",
    help: "Samples that derive appended to the series stream.",
  });
  const failures = telemetry.counter({
    name: "quartet_derive_append_failures_total",
    help: "Appends to the series stream that failed and were tried again.",
  });
  const dropped = telemetry.counter({
    name: "quartet_derive_dropped_samples_total",
    help: "Samples that could not be appended, by reason.",
    labelNames: ["reason"],
  });

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.setTimer(done, delayMs);
      stopping.addEventListener("abort", done);
      function done() {
        cancel();
        stopping.removeEventListener("abort", done);
        resolve();
      }
    });
  }

  async function appendPart(part: readonly SeriesWrite[]): Promise<void> {
    for (let delayMs = retryFirstMs; ; delayMs = Math.min(retryMaxMs, delayMs * 2)) {
      try {
        await append(part, clock.nowMs());
        written.add(
          {},
          part.reduce((sum, { samples, histograms }) => sum + samples.length + (histograms?.length ?? 0), 0),
        );
        isFailing = false;
        return;
      } catch (error) {
        if (hasCode(error, "QUARTET_RECORD_TOO_LARGE")) {
          await appendHalves(part);
          return;
        }
        failures.add();
        // The watermark stands still meanwhile, so no rule takes the gap for silence.
        if (!isFailing) log.error("series could not be appended; derive waits and tries again", { error });
        isFailing = true;
        if (!stopping.aborted) await pause(delayMs);
        if (stopping.aborted) {
          wasGivenUp = true;
          return;
        }
      }
    }
  }

  async function appendHalves(part: readonly SeriesWrite[]): Promise<void> {
    if (part.length === 1) {
      dropped.add({ reason: "record_too_large" });
      return;
    }
    const half = Math.ceil(part.length / 2);
    await appendPart(part.slice(0, half));
    if (!wasGivenUp) await appendPart(part.slice(half));
  }

  async function appendAll(writes: readonly SeriesWrite[]): Promise<void> {
    for (let at = 0; at < writes.length && !wasGivenUp; at += writesPerRecord) {
      await appendPart(writes.slice(at, at + writesPerRecord));
    }
  }

  return {
    get isBusy() {
      return underWay !== undefined;
    },
    get hasGivenUp() {
      return wasGivenUp;
    },
    write(writes) {
      if (writes.length === 0) return;
      underWay = appendAll(writes).then(() => {
        // What was given up must not look written: the watermark stays, and no snapshot is taken.
        if (wasGivenUp) return;
        underWay = undefined;
        settled();
      });
    },
    idle: async () => underWay,
    async close() {
      let cancel = () => {};
      const deadline = new Promise<void>((resolve) => {
        cancel = clock.setTimer(resolve, closeWaitMs);
      });
      await Promise.race([underWay, deadline]);
      cancel();
      if (underWay !== undefined) wasGivenUp = true;
    },
  };
}
