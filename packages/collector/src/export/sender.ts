import type { Clock, JournalRecord } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { backoffMs, pauseBackoff, retryBackoff } from "./backoff.ts";
import { compressBody, type Compression } from "./compress.ts";
import type { ExportMetrics } from "./metrics.ts";
import { outcomeOfError, outcomeOfResponse, type Outcome, type PauseReason } from "./outcome.ts";
import type { Signal } from "./signal.ts";
import type { Transport } from "./transport.ts";

export interface SenderSettings {
  readonly exporter: string;
  readonly signal: Signal;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: Compression;
  readonly requestTimeoutMs: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: ExportMetrics;
  readonly log: Log;
}

/** What is final about a batch: everything else is tried again. */
export type Verdict =
  | Exclude<Outcome, { readonly kind: "retryable" | "paused" }>
  | { readonly kind: "stopped" };

export type SenderState =
  | { readonly kind: "ready" }
  | { readonly kind: "retrying"; readonly attempt: number; readonly message: string }
  | {
      readonly kind: "paused";
      readonly attempt: number;
      readonly message: string;
      readonly reason: PauseReason;
    };

/** Sends one batch at a time, as often as it takes. */
export interface Sender {
  readonly state: SenderState;
  /** Resolves when the back end has decided, or with "stopped" when `stopping` or `aborting` came first. */
  send(records: readonly JournalRecord[]): Promise<Verdict>;
}

export interface StopSignals {
  /** No further attempt begins. */
  readonly stopping: AbortSignal;
  /** The attempt under way ends too. */
  readonly aborting: AbortSignal;
}

class RequestTimeoutError extends Error {}

export function createSender(settings: SenderSettings, { stopping, aborting }: StopSignals): Sender {
  const { exporter, signal, url, compression, requestTimeoutMs, transport, clock, metrics, log } = settings;
  const labels = { exporter, signal };
  let state: SenderState = { kind: "ready" };
  const headers: Record<string, string> = {
    "user-agent": "quartet-collector",
    ...settings.headers,
    "content-type": "application/x-protobuf",
    ...(compression === "none" ? {} : { "content-encoding": compression }),
  };

  const attemptOnce = async (body: readonly Uint8Array[]): Promise<Outcome> => {
    const timeout = new AbortController();
    const cancelTimer = clock.setTimer(
      () => timeout.abort(new RequestTimeoutError(`no answer within ${requestTimeoutMs} ms`)),
      requestTimeoutMs,
    );
    const abort = (): void => timeout.abort(aborting.reason);
    aborting.addEventListener("abort", abort, { once: true });
    const beganMs = performance.now();
    try {
      const response = await transport.post({ url, headers, body, signal: timeout.signal });
      return outcomeOfResponse(response, clock.nowMs());
    } catch (error) {
      return outcomeOfError(error);
    } finally {
      metrics.requestSeconds.observe((performance.now() - beganMs) / 1000, labels);
      cancelTimer();
      aborting.removeEventListener("abort", abort);
    }
  };

  /** Logs when something begins or ends, not at each attempt. */
  const enter = (next: SenderState): void => {
    const entry = { exporter, signal, endpoint: url.href };
    // One failure is often but a kept connection that the other side had closed.
    const wasAway = state.kind === "paused" || (state.kind === "retrying" && state.attempt > 1);
    if (next.kind === "ready" && wasAway) {
      log.info("the back end takes data again", entry);
    } else if (next.kind === "paused" && (state.kind !== "paused" || state.reason !== next.reason)) {
      const { reason, message } = next;
      log.error("the export is paused until somebody mends the cause; nothing is dropped", {
        ...entry,
        reason,
        message,
      });
    } else if (next.kind === "retrying" && next.attempt === 2) {
      log.warn("the back end does not take data; trying again", { ...entry, message: next.message });
    }
    state = next;
  };

  /** Gives up waiting when the exporter stops. */
  const wait = async (delayMs: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const cancelTimer = clock.setTimer(wake, delayMs);
    stopping.addEventListener("abort", wake, { once: true });
    if (!stopping.aborted) await promise;
    cancelTimer();
    stopping.removeEventListener("abort", wake);
  };

  return {
    get state() {
      return state;
    },
    async send(records) {
      const body = await compressBody(
        records.map(({ payload }) => payload),
        compression,
      );
      for (let attempt = 1; ; attempt += 1) {
        if (stopping.aborted) return { kind: "stopped" };
        const outcome = await attemptOnce(body);
        if (aborting.aborted && outcome.kind === "retryable") return { kind: "stopped" };
        metrics.requests.add({ ...labels, outcome: outcome.kind });
        if (outcome.kind !== "retryable" && outcome.kind !== "paused") {
          enter({ kind: "ready" });
          return outcome;
        }
        const { message } = outcome;
        if (outcome.kind === "paused") enter({ kind: "paused", attempt, message, reason: outcome.reason });
        else enter({ kind: "retrying", attempt, message });
        const backoff = outcome.kind === "paused" ? pauseBackoff : retryBackoff;
        const ownMs = backoffMs(backoff, attempt, settings.random);
        await wait(
          outcome.retryAfterMs === undefined ? ownMs : Math.max(outcome.retryAfterMs, retryBackoff.initialMs),
        );
      }
    },
  };
}
