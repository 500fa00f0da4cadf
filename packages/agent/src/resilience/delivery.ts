import type { Clock } from "./clock.ts";
import type { Notice } from "./notice.ts";
import type { Outage } from "./outage.ts";
import type { Outbox } from "./outbox.ts";
import { retryDelayMs } from "./retry.ts";
import type { SendOutcome } from "./sender.ts";

/** One request merges waiting batches up to these bounds: after an outage thousands of small ones wait. */
const requestItemCountMax = 8_192;
const requestSizeBytesMax = 1024 * 1024;
/** Lets what ends together travel together, and is far below the 100 ms within which an error must leave. */
const errorFlushDelayMs = 20;

/** Empties one outbox: one request at a time, so that order holds. */
export interface Delivery {
  start(): void;
  /** An error is waiting: sends everything recorded so far, in order, within 100 ms of now when the collector answers. */
  flushSoon(): void;
  /** Sends the batches that are sealed, without waiting for the timer: one is full, or complete for another reason. */
  sendSealed(): void;
  /**
   * Sends everything recorded so far. Resolves when the queue is empty, when an attempt failed, or after `deadlineMs`;
   * an attempt that waits for its turn after a failure is made at once. Never rejects.
   */
  flush(deadlineMs: number): Promise<void>;
  /** Ends the timers; what is queued stays queued. */
  stop(): void;
}

export interface DeliverySettings {
  /** For messages: "spans". */
  readonly signal: string;
  readonly outbox: Pick<Outbox<never>, "seal" | "take" | "putBack" | "settleSent" | "settleDropped">;
  readonly send: (body: Buffer) => Promise<SendOutcome>;
  readonly outage: Outage;
  readonly notice: Notice;
  readonly clock: Clock;
  /** [0, 1). */
  readonly random: () => number;
  readonly scheduleDelayMs: number;
  /** Runs a function outside every request's async context, so that timers and sockets do not keep a request alive. */
  readonly detach: (callback: () => void) => void;
}

export function createDelivery(settings: DeliverySettings): Delivery {
  const { signal, outbox, send, outage, notice, clock, random, scheduleDelayMs, detach } = settings;
  let isSending = false;
  let failureCount = 0;
  let isWaiting = false;
  let isStopped = false;
  let cancelSchedule = (): void => {};
  let cancelSoon: (() => void) | undefined;
  let cancelRetry = (): void => {};
  let waiters: (() => void)[] = [];
  const said = new Set<string>();

  const wake = (): void => {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  };

  const settle = (outcome: SendOutcome): void => {
    switch (outcome.kind) {
      case "accepted":
        outbox.settleSent(outcome.rejectedCount);
        failureCount = 0;
        outage.succeeded(signal);
        if (outcome.rejectedCount > 0) sayOnce("rejected", `rejected some ${signal}: ${outcome.message}`);
        return;
      case "refused":
        outbox.settleDropped("refused");
        failureCount = 0;
        sayOnce(outcome.cause, `refuses ${signal} (${outcome.cause}); they are dropped and counted`);
        return;
      case "retryable": {
        outbox.putBack();
        failureCount += 1;
        outage.failed(signal, outcome.cause);
        const delayMs = retryDelayMs({ failureCount, retryAfterMs: outcome.retryAfterMs }, random);
        isWaiting = true;
        cancelRetry = clock.setTimer(() => {
          isWaiting = false;
          pump();
        }, delayMs);
      }
    }
  };

  const sayOnce = (key: string, text: string): void => {
    if (said.has(key)) return;
    said.add(key);
    notice.warn("QUARTET_AGENT_REFUSED", `the collector ${text}`);
  };

  /** Sends until the queue is empty or an attempt fails. */
  const pump = (): void => {
    if (isSending || isWaiting || isStopped) return;
    const batches = outbox.take({ itemCountMax: requestItemCountMax, sizeBytesMax: requestSizeBytesMax });
    if (batches === undefined) return wake();
    isSending = true;
    const body = batches.length === 1 ? batches[0]!.body : Buffer.concat(batches.map((batch) => batch.body));
    void send(body).then((outcome) => {
      isSending = false;
      settle(outcome);
      if (outcome.kind === "retryable") wake();
      else pump();
    });
  };

  const sealAndPump = (): void => {
    outbox.seal();
    pump();
  };

  const schedule = (): void => {
    cancelSchedule = clock.setTimer(() => {
      sealAndPump();
      if (!isStopped) schedule();
    }, scheduleDelayMs);
  };

  return {
    start: () => detach(schedule),
    flushSoon() {
      if (cancelSoon !== undefined || isStopped) return;
      detach(() => {
        cancelSoon = clock.setTimer(() => {
          cancelSoon = undefined;
          sealAndPump();
        }, errorFlushDelayMs);
      });
    },
    // Not at once: this is called while the service ends a span, and making a request takes its time.
    sendSealed: () => detach(() => void clock.setTimer(pump, 0)),
    flush(deadlineMs) {
      if (isStopped) return Promise.resolve();
      return new Promise((resolve) => {
        detach(() => {
          const cancel = clock.setTimer(resolve, deadlineMs);
          waiters.push(() => {
            cancel();
            resolve();
          });
          isWaiting = false;
          cancelRetry();
          sealAndPump();
        });
      });
    },
    stop() {
      isStopped = true;
      cancelSchedule();
      cancelSoon?.();
      cancelRetry();
      wake();
    },
  };
}
