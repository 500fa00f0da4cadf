import { freeMemory, type Clock, type JournalBatch, type RequestProcess } from "../model/index.ts";
import { inspectRequest, timeProblems, type OtlpContentType, type OtlpSignal } from "../otlp/index.ts";
import type { Log } from "../telemetry/index.ts";
import { ownedSizeBytesMin } from "./blocks.ts";
import { refusalOf, type Outcome, type Refusal } from "./outcome.ts";
import type { ReceiveMetrics } from "./telemetry.ts";

interface IntakeSettings {
  /** Resolves when the batch is synced. */
  readonly append: (signal: OtlpSignal, batch: JournalBatch) => Promise<unknown>;
  /** OTLP/JSON to protobuf, in memory of its own if that is 64 KiB or more. Of the JSON a promise looks at a copy, made at once. */
  readonly transcode: (signal: OtlpSignal, json: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Undefined when nothing is done between check and journal. */
  readonly process: RequestProcess | undefined;
  readonly clock: Clock;
  readonly metrics: ReceiveMetrics;
  readonly log: Log;
}

/** What every protocol at the door does with a body: check, cut, process, journal, count. */
export interface Intake {
  /** Resolves after the batch is in the journal, synced. Never rejects. */
  accept(
    signal: OtlpSignal,
    contentType: OtlpContentType,
    body: Uint8Array,
    memory?: BodyMemory,
  ): Promise<Outcome>;
}

/** The memory that is kept for a body. */
interface BodyMemory {
  /** Keeps so much more; a refusal when there is none. */
  grow(sizeBytes: number): Refusal | undefined;
  /** Nobody looks at the body any more. */
  giveBack(): void;
}

export function createIntake({ append, transcode, process, clock, metrics, log }: IntakeSettings): Intake {
  let lastReceivedAtMs = 0;

  /** Never goes back, so that the journal's order is the order of time. */
  function receivedNowMs(): number {
    lastReceivedAtMs = Math.max(lastReceivedAtMs, clock.nowMs());
    return lastReceivedAtMs;
  }

  async function journalJson(signal: OtlpSignal, json: Uint8Array, memory?: BodyMemory): Promise<Outcome> {
    const startMs = clock.nowMs();
    const jsonSizeBytes = json.length;
    const transcoding = transcode(signal, json);
    if (transcoding instanceof Promise) memory?.giveBack();
    const body = await transcoding;
    try {
      // A list of numbers may become four times as long.
      const refusal = body.length > jsonSizeBytes ? memory?.grow(body.length - jsonSizeBytes) : undefined;
      if (refusal !== undefined) return refusal;
      return await journal(signal, body, startMs);
    } finally {
      // A small one may lie in memory of others.
      if (body.length >= ownedSizeBytesMin) freeMemory(new Uint8Array(body.buffer));
    }
  }

  async function journal(signal: OtlpSignal, body: Uint8Array, startMs: number): Promise<Outcome> {
    const inspection = inspectRequest(signal, body, { receivedAtMs: startMs });
    const { rejected, rejectedCount, rejectedReason, oddTimes } = inspection;
    const processed = inspection.itemCount > 0 ? process?.(signal, inspection) : undefined;
    const { itemCount, bytes } = processed ?? inspection;
    if (itemCount > 0) {
      try {
        await append(signal, { payload: [bytes], itemCount, receivedAtMs: receivedNowMs() });
      } catch (error) {
        const refusal = refusalOf(error);
        metrics.refusedItems.add({ signal, reason: refusal.reason }, itemCount);
        if (refusal.reason === "internal") log.error("a batch could not be journaled", { signal, error });
        return refusal;
      }
      metrics.accepted.add({ signal }, itemCount);
      for (const problem of timeProblems) {
        if (oddTimes[problem] > 0) metrics.oddTimes.add({ signal, problem }, oddTimes[problem]);
      }
    }
    processed?.count();
    for (const [reason, count] of rejected) metrics.refusedItems.add({ signal, reason }, count);
    metrics.durationSeconds.observe((clock.nowMs() - startMs) / 1_000, { signal });
    const isWhole = rejectedCount === 0 && rejectedReason === "";
    return {
      kind: "accepted",
      signal,
      partial: isWhole ? undefined : { rejectedCount, message: rejectedReason },
    };
  }

  return {
    async accept(signal, contentType, body, memory) {
      try {
        if (contentType === "application/json") return await journalJson(signal, body, memory);
        return await journal(signal, body, clock.nowMs());
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal.reason === "internal") log.error("a request could not be read", { signal, error });
        return refusal;
      }
    },
  };
}
