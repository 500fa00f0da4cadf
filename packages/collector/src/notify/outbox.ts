import type { Clock } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import type { NotifyTelemetry } from "./notify-telemetry.ts";
import type { OutboxRecord, OutboxRow } from "./outbox-log.ts";
import { carryResolved } from "./payload.ts";
import { webhookHeaders } from "./signature.ts";
import type { Post, PostOutcome, PostRequest } from "./transport.ts";

/** Where notifications go. */
export interface Receiver {
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly secrets: readonly string[];
}

export interface OutboxSettings {
  readonly receivers: readonly Receiver[];
  readonly post: Post;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly metrics: NotifyTelemetry;
  readonly log: Log;
  /** Makes a record durable. */
  readonly append: (record: OutboxRecord) => Promise<void>;
  readonly giveUp: (letter: {
    readonly row: OutboxRow;
    readonly reason: DeadLetterReason;
    readonly cause: string;
  }) => Promise<void>;
  readonly rowsMax: number;
}

/** How a receiver does. */
export interface ReceiverStatus {
  readonly receiver: string;
  readonly rows: number;
  readonly lastAcceptedMs: number | undefined;
  /** Empty while it accepts. */
  readonly lastError: string;
}

export interface Outbox {
  /** All rows that are not delivered yet. */
  rows(): readonly OutboxRow[];
  /**
   * Takes a row that is on its way to the disk: an unsent one of the same group is superseded, and what it had to say of
   * resolved alerts is carried over. Gives the row as it is to be written; `release` lets it go once it is durable.
   */
  put(row: OutboxRow): {
    readonly row: OutboxRow;
    readonly superseded: readonly string[];
    readonly release: () => void;
  };
  /** Takes the rows that a former process left behind. */
  recover(rows: readonly OutboxRow[]): void;
  status(): readonly ReceiverStatus[];
  /** Ends attempts and timers. Rows stay on disk. @param deadlineMs how long attempts under way may still take */
  stop(deadlineMs: number): Promise<void>;
  /** Resolves when no attempt is under way and nothing can be sent before a timer. */
  idle(): Promise<void>;
}

/** The rows of one receiver's group, delivered in order. */
interface Lane {
  readonly receiver: Receiver;
  /** The one to deliver next, or being delivered. */
  current: OutboxRow | undefined;
  isDurable: boolean;
  isInFlight: boolean;
  /** Came while `current` was in flight. */
  next: OutboxRow | undefined;
  isNextDurable: boolean;
  failures: number;
  cancelRetry: (() => void) | undefined;
}

const inFlightMax = 8;
const backoffMsMin = 500;
const backoffMsMax = 60_000;
const backoffFactor = 1.5;

export function createOutbox(settings: OutboxSettings): Outbox {
  const { clock, metrics, log } = settings;
  const receivers = new Map(settings.receivers.map((receiver) => [receiver.name, receiver]));
  const lanes = new Map<string, Lane>();
  const inFlight = new Map<string, number>();
  const waiting = new Map<string, Set<Lane>>();
  const health = new Map<string, { lastAcceptedMs: number | undefined; lastError: string }>();
  const abort = new AbortController();
  const attempts = new Set<Promise<void>>();
  let rowCount = 0;
  let isStopped = false;

  const laneKey = ({ receiver, groupKey }: OutboxRow) => `${receiver}\n${groupKey}`;

  function laneOf(row: OutboxRow): Lane | undefined {
    const receiver = receivers.get(row.receiver);
    if (receiver === undefined) return undefined;
    let lane = lanes.get(laneKey(row));
    if (lane === undefined) {
      lane = {
        receiver,
        current: undefined,
        isDurable: false,
        isInFlight: false,
        next: undefined,
        isNextDurable: false,
        failures: 0,
        cancelRetry: undefined,
      };
      lanes.set(laneKey(row), lane);
    }
    return lane;
  }

  function put(row: OutboxRow): ReturnType<Outbox["put"]> {
    const lane = laneOf(row);
    if (lane === undefined) throw new Error(`no receiver ${row.receiver}`);
    const superseded: string[] = [];
    let kept = row;
    const older = lane.isInFlight ? lane.next : lane.current;
    if (older !== undefined) {
      kept = { ...row, body: carryResolved(row.body, older.body) };
      superseded.push(older.id);
      metrics.superseded(row.receiver);
    } else rowCount += 1;
    if (lane.isInFlight) {
      lane.next = kept;
      lane.isNextDurable = false;
    } else {
      lane.current = kept;
      lane.isDurable = false;
    }
    metrics.queued(row.receiver);
    makeRoom(lane);
    const release = () => {
      if (lane.current?.id === kept.id) lane.isDurable = true;
      if (lane.next?.id === kept.id) lane.isNextDurable = true;
      if (lane.cancelRetry === undefined) pump(lane);
    };
    return { row: kept, superseded, release };
  }

  /** Over its bound the outbox gives up its oldest row; a lane keeps the row that has just come. */
  function makeRoom(newest: Lane): void {
    if (rowCount <= settings.rowsMax) return;
    let oldest: Lane | undefined;
    for (const lane of lanes.values()) {
      if (lane === newest || lane.isInFlight || lane.current === undefined) continue;
      if (oldest === undefined || lane.current.createdAtMs < oldest.current!.createdAtMs) oldest = lane;
    }
    if (oldest !== undefined)
      finish(oldest, { kind: "dead", reason: "outbox_full", cause: `more than ${settings.rowsMax} rows` });
  }

  type Ending =
    | { readonly kind: "sent" }
    | { readonly kind: "dead"; readonly reason: DeadLetterReason; readonly cause: string };

  /** The lane's row has come to its end; the next one moves up. */
  function finish(lane: Lane, ending: Ending): void {
    const row = lane.current!;
    rowCount -= 1;
    lane.cancelRetry?.();
    lane.cancelRetry = undefined;
    lane.failures = 0;
    lane.current = lane.next;
    lane.isDurable = lane.isNextDurable;
    lane.next = undefined;
    if (lane.current === undefined) lanes.delete(laneKey(row));
    if (ending.kind === "sent") metrics.sent(row.receiver, (clock.nowMs() - row.createdAtMs) / 1_000);
    else bury(row, ending.reason, ending.cause);
    track(settings.append({ kind: "done", id: row.id }).catch(reportWrite));
    pump(lane);
  }

  function bury(row: OutboxRow, reason: DeadLetterReason, cause: string): void {
    metrics.gaveUp(row.receiver, reason);
    log.error("a notification was given up", {
      receiver: row.receiver,
      group_key: row.groupKey,
      reason,
      cause,
    });
    track(settings.giveUp({ row, reason, cause }).catch(reportWrite));
  }

  function reportWrite(cause: unknown): void {
    metrics.writeFailed();
    log.error("the outbox could not be written", { cause });
  }

  function track(work: Promise<void>): void {
    attempts.add(work);
    void work.finally(() => attempts.delete(work));
  }

  /** Starts the lane's delivery when it may start now. */
  function pump(lane: Lane): void {
    if (isStopped || lane.isInFlight || lane.current === undefined || !lane.isDurable) return;
    const { name } = lane.receiver;
    const running = inFlight.get(name) ?? 0;
    if (running >= inFlightMax) {
      const queue = waiting.get(name) ?? new Set();
      waiting.set(name, queue.add(lane));
      return;
    }
    inFlight.set(name, running + 1);
    lane.isInFlight = true;
    track(attempt(lane, lane.current));
  }

  async function attempt(lane: Lane, row: OutboxRow): Promise<void> {
    const { receiver } = lane;
    const startedMs = clock.nowMs();
    const outcome = await post({
      url: receiver.url,
      body: row.body,
      headers: {
        "content-type": "application/json",
        "user-agent": "Quartet",
        ...webhookHeaders({ id: row.id, body: row.body, nowMs: startedMs }, receiver.secrets),
      },
      timeoutMs: receiver.timeoutMs,
      signal: abort.signal,
    });
    lane.isInFlight = false;
    inFlight.set(receiver.name, (inFlight.get(receiver.name) ?? 1) - 1);
    // What was cut off by the stop is as if it had never been tried: the row is on disk.
    if (abort.signal.aborted && outcome.kind !== "accepted") return;
    metrics.attempted(receiver.name, {
      isAccepted: outcome.kind === "accepted",
      seconds: Math.max(0, clock.nowMs() - startedMs) / 1_000,
    });
    settle(lane, row, outcome);
    const queue = waiting.get(receiver.name);
    for (const other of queue ?? []) {
      if ((inFlight.get(receiver.name) ?? 0) >= inFlightMax) break;
      queue!.delete(other);
      pump(other);
    }
  }

  /** A transport that breaks its promise and throws must not lose the row. */
  async function post(request: PostRequest): Promise<PostOutcome> {
    try {
      return await settings.post(request);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      return { kind: "retryable", cause: message, retryAfterMs: undefined };
    }
  }

  function settle(lane: Lane, row: OutboxRow, outcome: PostOutcome): void {
    const { name } = lane.receiver;
    const before = health.get(name);
    switch (outcome.kind) {
      case "accepted":
        if (before !== undefined && before.lastError !== "")
          log.info("a receiver accepts again", { receiver: name });
        health.set(name, { lastAcceptedMs: clock.nowMs(), lastError: "" });
        finish(lane, { kind: "sent" });
        return;
      case "refused":
        finish(lane, { kind: "dead", reason: "refused", cause: outcome.cause });
        return;
      case "retryable":
        if (before?.lastError !== outcome.cause) {
          log.warn("a notification was not delivered; it is tried again", {
            receiver: name,
            group_key: row.groupKey,
            cause: outcome.cause,
          });
        }
        health.set(name, { lastAcceptedMs: before?.lastAcceptedMs, lastError: outcome.cause });
        retryLater(lane, row, outcome);
    }
  }

  function retryLater(lane: Lane, row: OutboxRow, outcome: PostOutcome & { kind: "retryable" }): void {
    const backoffMs = Math.min(backoffMsMax, backoffMsMin * backoffFactor ** lane.failures);
    const delayMs = Math.max(Math.round(backoffMs * (0.5 + settings.random())), outcome.retryAfterMs ?? 0);
    lane.failures += 1;
    if (clock.nowMs() + delayMs > row.deadlineMs && lane.next === undefined) {
      finish(lane, { kind: "dead", reason: "deadline", cause: outcome.cause });
      return;
    }
    if (lane.next !== undefined) promoteNext(lane, row);
    lane.cancelRetry = clock.setTimer(() => {
      lane.cancelRetry = undefined;
      pump(lane);
    }, delayMs);
  }

  /** The newer row takes the place of one that failed in flight. */
  function promoteNext(lane: Lane, failed: OutboxRow): void {
    const next = { ...lane.next!, body: carryResolved(lane.next!.body, failed.body) };
    lane.current = next;
    lane.next = undefined;
    lane.isDurable = lane.isNextDurable;
    rowCount -= 1;
    metrics.superseded(failed.receiver);
    track(settings.append({ kind: "told", row: next, superseded: [failed.id] }).catch(reportWrite));
  }

  /** Of several rows of a group the newest stays: which of the others arrived, nobody can tell any more. */
  function recoverRow(row: OutboxRow): void {
    metrics.recovered(row.receiver);
    const lane = laneOf(row);
    if (lane === undefined) {
      bury(row, "unknown_receiver", "the receiver is no longer configured");
      track(settings.append({ kind: "done", id: row.id }).catch(reportWrite));
      return;
    }
    const older = lane.current;
    lane.isDurable = true;
    if (older === undefined) {
      lane.current = row;
      rowCount += 1;
      return;
    }
    lane.current = { ...row, body: carryResolved(row.body, older.body) };
    metrics.superseded(row.receiver);
    track(settings.append({ kind: "told", row: lane.current, superseded: [older.id] }).catch(reportWrite));
  }

  return {
    rows: () =>
      [...lanes.values()].flatMap(({ current, next }) => [current, next].filter((row) => row !== undefined)),
    put,
    recover(rows) {
      for (const row of rows.toSorted((left, right) => left.seq - right.seq)) recoverRow(row);
      for (const lane of lanes.values()) pump(lane);
    },
    status() {
      return settings.receivers.map(({ name }) => ({
        receiver: name,
        rows: [...lanes.values()]
          .filter((lane) => lane.receiver.name === name)
          .reduce((count, { next }) => count + (next === undefined ? 1 : 2), 0),
        lastAcceptedMs: health.get(name)?.lastAcceptedMs,
        lastError: health.get(name)?.lastError ?? "",
      }));
    },
    async stop(deadlineMs) {
      isStopped = true;
      for (const lane of lanes.values()) lane.cancelRetry?.();
      const cancel = clock.setTimer(() => abort.abort(), deadlineMs);
      while (attempts.size > 0) await Promise.all(attempts);
      cancel();
    },
    async idle() {
      while (attempts.size > 0) await Promise.all(attempts);
    },
  };
}
