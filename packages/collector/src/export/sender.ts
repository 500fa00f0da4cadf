import type { Clock, JournalRecord, Signal } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { BackEnd, Shipment, UndecodableRecord } from "./back-end.ts";
import { backoffMs, pauseBackoff, retryBackoff } from "./backoff.ts";
import type { ExportMetrics } from "./metrics.ts";
import type { Accepted, Outcome, PauseReason } from "./outcome.ts";
import { waitUnlessAborted } from "./wait.ts";

export interface SenderSettings {
  readonly exporter: string;
  readonly signal: Signal;
  readonly backEnd: BackEnd;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: ExportMetrics;
  readonly log: Log;
}

/** What is final about a batch: everything else is tried again. */
export type Verdict =
  | (Accepted & { readonly undecodable: readonly UndecodableRecord[] })
  | { readonly kind: "too_large" | "refused" | "undecodable"; readonly message: string }
  /** It did not get through in time, over a slow link perhaps; half of it may. Never of one record alone. */
  | { readonly kind: "timed_out" }
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

/** Sends batches, each as often as it takes. While the back end is away only one of them goes on trying. */
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

/** A hanging back end runs into this as well; then halves cost it a few requests more. */
const timeoutCountMax = 3;

type Final =
  | Exclude<Outcome, { readonly kind: "retryable" | "paused" }>
  | { readonly kind: "stopped" | "timed_out" };

export function createSender(settings: SenderSettings, { stopping, aborting }: StopSignals): Sender {
  const { exporter, signal, backEnd, requestTimeoutMs, clock, metrics, log } = settings;
  const labels = { exporter, signal };
  let state: SenderState = { kind: "ready" };
  let isPrepared = backEnd.prepare === undefined;

  const attemptOnce = async (
    attempt: Shipment["attempt"],
  ): Promise<{ readonly outcome: Outcome; readonly isTimeout: boolean }> => {
    const timeout = new AbortController();
    const cancelTimer = clock.setTimer(
      () => timeout.abort(new RequestTimeoutError(`no answer within ${requestTimeoutMs} ms`)),
      requestTimeoutMs,
    );
    const abort = (): void => timeout.abort(aborting.reason);
    aborting.addEventListener("abort", abort, { once: true });
    const beganMs = performance.now();
    try {
      const outcome = await attempt(timeout.signal);
      const isTimeout = outcome.kind === "retryable" && timeout.signal.reason instanceof RequestTimeoutError;
      return { outcome, isTimeout };
    } finally {
      metrics.requestSeconds.observe((performance.now() - beganMs) / 1000, labels);
      cancelTimer();
      aborting.removeEventListener("abort", abort);
    }
  };

  /** Logs when something begins or ends, not at each attempt. */
  const enter = (next: SenderState): void => {
    const entry = { exporter, signal, endpoint: backEnd.url.href };
    // One failure is often but a kept connection that the other side had closed.
    const wasAway = state.kind === "paused" || (state.kind === "retrying" && state.attempt > 1);
    if (next.kind === "ready" && wasAway) {
      log.info("the back end takes data again", entry);
    } else if (next.kind === "paused" && (state.kind !== "paused" || state.reason !== next.reason)) {
      const { reason, message } = next;
      log.error("the export is paused until somebody mends the cause; nothing is dropped", {
        ...entry,
        reason,
        cause: message,
      });
    } else if (next.kind === "retrying" && next.attempt === 2) {
      log.warn("the back end does not take data; trying again", { ...entry, cause: next.message });
    }
    state = next;
  };

  /** Held by the one batch that tries whether the back end is there again; the others wait until it has got through. */
  let probe: PromiseWithResolvers<void> | undefined;

  const turnOf = async (own: typeof probe): Promise<void> => {
    for (let other = probe; other !== undefined && other !== own; other = probe) await other.promise;
  };

  const persist = async (attemptIt: Shipment["attempt"], canHalve: boolean): Promise<Final> => {
    let own: typeof probe;
    let timeoutCount = 0;
    try {
      for (let attempt = 1; ; attempt += 1) {
        await turnOf(own);
        if (stopping.aborted) return { kind: "stopped" };
        const { outcome, isTimeout } = await attemptOnce(attemptIt);
        if (aborting.aborted && outcome.kind === "retryable") return { kind: "stopped" };
        metrics.requests.add({ ...labels, outcome: outcome.kind });
        if (outcome.kind !== "retryable" && outcome.kind !== "paused") {
          if (probe === own) enter({ kind: "ready" });
          return outcome;
        }
        // Another one failed first while this one was under way: it does the waiting for all.
        if (probe !== own) continue;
        own = probe ??= Promise.withResolvers<void>();
        await backOff(outcome, attempt);
        timeoutCount = isTimeout ? timeoutCount + 1 : 0;
        if (timeoutCount >= timeoutCountMax && canHalve) return { kind: "timed_out" };
      }
    } finally {
      if (own !== undefined) {
        probe = undefined;
        own.resolve();
      }
    }
  };

  const backOff = async (
    outcome: Extract<Outcome, { readonly kind: "retryable" | "paused" }>,
    attempt: number,
  ): Promise<void> => {
    const { message, retryAfterMs } = outcome;
    if (outcome.kind === "paused") enter({ kind: "paused", attempt, message, reason: outcome.reason });
    else enter({ kind: "retrying", attempt, message });
    const backoff = outcome.kind === "paused" ? pauseBackoff : retryBackoff;
    const delayMs =
      retryAfterMs === undefined
        ? backoffMs(backoff, attempt, settings.random)
        : Math.max(retryAfterMs, retryBackoff.initialMs);
    await waitUnlessAborted(clock, delayMs, stopping);
  };

  const prepare = async (aborted: AbortSignal): Promise<Outcome> => {
    const outcome = await backEnd.prepare!(aborted);
    if (outcome.kind !== "refused" && outcome.kind !== "too_large") return outcome;
    return {
      kind: "paused",
      reason: "unexpected_status",
      message: outcome.message,
      retryAfterMs: undefined,
    };
  };

  return {
    get state() {
      return state;
    },
    async send(records) {
      if (!isPrepared) {
        if ((await persist(prepare, false)).kind === "stopped") return { kind: "stopped" };
        isPrepared = true;
      }
      let shipment: Shipment;
      try {
        shipment = await backEnd.encode(records);
      } catch (error) {
        return { kind: "undecodable", message: (error as Error).message };
      }
      const final = await persist((aborted) => shipment.attempt(aborted), records.length > 1);
      return final.kind === "accepted" ? { ...final, undecodable: shipment.undecodable ?? [] } : final;
    },
  };
}
