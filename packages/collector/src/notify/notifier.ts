import { join } from "node:path";
import type { AlertEvent, Clock } from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import {
  createAlertGroup,
  groupKeyOf,
  groupLabelsOf,
  insertAlert,
  sortedAlerts,
  type AlertGroup,
} from "./alert-group.ts";
import { writeDeadLetter } from "./dead-letters.ts";
import { findReason, type NotificationLogEntry, type NotificationReason } from "./dedup.ts";
import { createNotifyTelemetry } from "./notify-telemetry.ts";
import { openOutboxLog, type OutboxLog, type OutboxRow } from "./outbox-log.ts";
import { createOutbox, type ReceiverStatus } from "./outbox.ts";
import { buildPayload, buildPayloadAlert } from "./payload.ts";
import type { Post } from "./transport.ts";

export interface WebhookSettings {
  /** The receiver's name. */
  readonly name: string;
  readonly url: string;
  /** Default true. */
  readonly sendResolved?: boolean;
  /** Alerts in one notification; 0, the default, means all. */
  readonly maxAlerts?: number;
  /** One attempt may take this long. Default 10 s. */
  readonly timeoutMs?: number;
  /** Signs notifications by Standard Webhooks; several while one is being replaced. */
  readonly secrets?: readonly string[];
}

export interface NotifierSettings {
  readonly webhooks: readonly WebhookSettings[];
  /** Folder for outbox, notification log and dead letters. */
  readonly stateDir: string;
  readonly externalUrl: string;
  readonly post: Post;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly log: Log;
  /** Labels that alerts of one notification share; "..." means every label. Default alertname. */
  readonly groupBy?: readonly string[];
  /** From a group's first alert to its first notification. Default 0: at once. */
  readonly groupWaitMs?: number;
  /** Between two notifications of a group; what comes later than that is told at once. Default 1 s. */
  readonly groupIntervalMs?: number;
  /** What still fires is told again after this. Default 4 h. */
  readonly repeatIntervalMs?: number;
  /** Notifications that may wait. Default 10,000. */
  readonly outboxRowsMax?: number;
  /** Groups that may have alerts. Default 50,000. */
  readonly groupsMax?: number;
}

export interface NotifierStatus {
  readonly groups: number;
  readonly receivers: readonly ReceiverStatus[];
}

export interface Notifier {
  /** Takes alerts; a repetition of what is known makes no new notification. Only after `start`. */
  accept(events: readonly AlertEvent[]): void;
  /**
   * Reads what a former process left behind and goes on delivering it.
   * @throws CollectorError QUARTET_STATE_INVALID when a newer version wrote the outbox.
   */
  start(): Promise<void>;
  /** Ends attempts under way after `deadlineMs`. What was not delivered stays on disk for the next start. */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
  status(): NotifierStatus;
  /** Resolves when nothing is being written or sent, and nothing can be before a timer. */
  idle(): Promise<void>;
}

const day = 86_400_000;
const defaults = {
  groupBy: ["alertname"],
  groupWaitMs: 0,
  groupIntervalMs: 1_000,
  repeatIntervalMs: 14_400_000,
  outboxRowsMax: 10_000,
  groupsMax: 50_000,
  timeoutMs: 10_000,
};
// Alertmanager's retention of its notification log.
const entryRetentionMs = 5 * day;

/**
 * Groups alerts, tells each receiver what is news to it, and delivers that at least once, in order within a group, for up
 * to 24 hours, across restarts.
 * @see design §1.7; Alertmanager's pipeline of stages
 */
export function createNotifier(settings: NotifierSettings): Notifier {
  const { clock, log } = settings;
  const groupBy = settings.groupBy ?? defaults.groupBy;
  const groupWaitMs = settings.groupWaitMs ?? defaults.groupWaitMs;
  const groupIntervalMs = settings.groupIntervalMs ?? defaults.groupIntervalMs;
  const repeatIntervalMs = settings.repeatIntervalMs ?? defaults.repeatIntervalMs;
  const groupsMax = settings.groupsMax ?? defaults.groupsMax;
  const groups = new Map<string, AlertGroup>();
  const entries = new Map<string, NotificationLogEntry>();
  const flushes = new Set<Promise<void>>();
  const deadLetterFile = join(settings.stateDir, "dead-letters.jsonl");
  const metrics = createNotifyTelemetry(
    settings.telemetry,
    settings.webhooks.map(({ name }) => name),
    () => outbox.rows(),
    () => clock.nowMs(),
  );
  const refusedAlerts = settings.telemetry.counter({
    name: "quartet_notify_refused_alerts_total",
    help: "Alerts that were not taken because there are too many groups.",
  });
  let outboxLog: OutboxLog | undefined;
  let isStopped = false;
  let seq = 0;

  const outbox = createOutbox({
    receivers: settings.webhooks.map(({ name, url, timeoutMs = defaults.timeoutMs, secrets = [] }) => ({
      name,
      url,
      timeoutMs,
      secrets,
    })),
    post: settings.post,
    clock,
    random: settings.random,
    metrics,
    log,
    append: (record) => outboxLog!.append(record),
    giveUp: (letter) => writeDeadLetter(deadLetterFile, { ...letter, nowMs: clock.nowMs() }),
    rowsMax: settings.outboxRowsMax ?? defaults.outboxRowsMax,
  });

  const entryKey = (receiver: string, groupKey: string) => `${receiver}\n${groupKey}`;

  /** Stage 1: alerts into their groups. */
  function accept(events: readonly AlertEvent[]): void {
    if (outboxLog === undefined) throw new Error("the notifier takes alerts only after its start");
    if (isStopped) return;
    const touched = new Set<AlertGroup>();
    for (const event of events) {
      const labels = groupLabelsOf(event, groupBy);
      const key = groupKeyOf(labels);
      let group = groups.get(key);
      if (group === undefined) {
        if (groups.size >= groupsMax) {
          refusedAlerts.add();
          continue;
        }
        group = createAlertGroup(key, labels);
        groups.set(key, group);
      }
      if (insertAlert(group, event)) touched.add(group);
    }
    for (const group of touched) {
      group.isDirty = true;
      schedule(group);
    }
  }

  /** When a group is due: after its wait, then once an interval if there is something new, else when it is to be repeated. */
  function schedule(group: AlertGroup): void {
    group.cancelTimer();
    if (group.isFlushing || isStopped) return;
    const nowMs = clock.nowMs();
    const dueMs = group.isDirty ? newsDueMs(group, nowMs) : repeatDueMs(group);
    if (dueMs === undefined) return;
    if (group.isDirty && dueMs <= nowMs) beginFlush(group);
    // One timer cannot be longer than 2^31 ms; waking early only looks again.
    else group.cancelTimer = clock.setTimer(() => wake(group), Math.min(day, Math.max(1, dueMs - nowMs)));
  }

  function newsDueMs(group: AlertGroup, nowMs: number): number {
    if (group.lastFlushMs !== undefined) return group.lastFlushMs + groupIntervalMs;
    // An alert that began longer ago than the wait has waited elsewhere.
    const startsAtMs = Math.min(...[...group.alerts.values()].map((event) => event.startsAtMs));
    return Math.max(nowMs, Math.min(startsAtMs, nowMs) + groupWaitMs);
  }

  /** One millisecond after the interval, because dedup wants it to have passed. */
  function repeatDueMs(group: AlertGroup): number | undefined {
    if (![...group.alerts.values()].some(({ status }) => status === "firing")) return undefined;
    const told = settings.webhooks.flatMap(
      ({ name }) => entries.get(entryKey(name, group.key))?.timestampMs ?? [],
    );
    return told.length === 0 ? undefined : Math.min(...told) + repeatIntervalMs + 1;
  }

  function wake(group: AlertGroup): void {
    if (!group.isDirty && (repeatDueMs(group) ?? Infinity) <= clock.nowMs()) group.isDirty = true;
    schedule(group);
  }

  function beginFlush(group: AlertGroup): void {
    const work = flush(group).finally(() => {
      flushes.delete(work);
      group.isFlushing = false;
      if (group.alerts.size === 0 && !group.isDirty) {
        group.cancelTimer();
        groups.delete(group.key);
      } else schedule(group);
    });
    flushes.add(work);
  }

  /** The stages behind grouping, in their order: dedup → outbox → deliver. Inhibition, silences and mute times go before dedup. */
  async function flush(group: AlertGroup): Promise<void> {
    const nowMs = clock.nowMs();
    group.isFlushing = true;
    group.isDirty = false;
    group.lastFlushMs = nowMs;
    const alerts = sortedAlerts(group);
    await Promise.all(
      settings.webhooks.map(async (webhook) => {
        const news = dedup(group, webhook, alerts, nowMs);
        if (news !== undefined) await putIntoOutbox(group, webhook, { ...news, nowMs });
      }),
    );
    for (const event of alerts) {
      // Unless it changed meanwhile: then the next flush tells of it.
      if (event.status === "resolved" && group.alerts.get(event.fingerprint) === event)
        group.alerts.delete(event.fingerprint);
    }
  }

  interface News {
    readonly reason: NotificationReason;
    readonly alerts: readonly AlertEvent[];
    readonly entry: NotificationLogEntry;
  }

  /** Stage 2: what the receiver does not know yet. */
  function dedup(
    group: AlertGroup,
    webhook: WebhookSettings,
    all: readonly AlertEvent[],
    nowMs: number,
  ): News | undefined {
    const { name: receiver, sendResolved = true } = webhook;
    const of = (status: AlertEvent["status"]) => all.filter((event) => event.status === status);
    const firing = of("firing").map(({ fingerprint }) => fingerprint);
    const resolved = of("resolved").map(({ fingerprint }) => fingerprint);
    const entry = entries.get(entryKey(receiver, group.key));
    const reason = findReason({ entry, firing, resolved, sendResolved, repeatIntervalMs, nowMs });
    if (reason === undefined) return undefined;
    return {
      reason,
      alerts: sendResolved ? all : of("firing"),
      entry: { receiver, groupKey: group.key, firing, resolved, timestampMs: nowMs },
    };
  }

  /** Stage 3: log entry and row become durable together; then stage 4, the outbox's own, delivers. */
  async function putIntoOutbox(
    group: AlertGroup,
    webhook: WebhookSettings,
    news: News & { readonly nowMs: number },
  ): Promise<void> {
    const { entry, alerts, reason, nowMs } = news;
    entries.set(entryKey(entry.receiver, entry.groupKey), entry);
    if (alerts.length === 0) {
      await persist({ kind: "told", entry });
      return;
    }
    const payload = buildPayload(alerts.map(buildPayloadAlert), {
      receiver: webhook.name,
      externalUrl: settings.externalUrl,
      groupKey: group.key,
      groupLabels: group.labels,
      reason,
      maxAlerts: webhook.maxAlerts ?? 0,
    });
    seq += 1;
    const { row, superseded, release } = outbox.put({
      id: createId(nowMs),
      receiver: webhook.name,
      groupKey: group.key,
      seq,
      body: JSON.stringify(payload),
      createdAtMs: nowMs,
      deadlineMs: nowMs + day,
    });
    await persist({ kind: "told", entry, row, superseded });
    release();
  }

  /** A disk that fails must not keep an alert from its receiver: it goes out all the same, only not across a restart. */
  async function persist(record: Parameters<OutboxLog["append"]>[0]): Promise<void> {
    try {
      await outboxLog!.append(record);
    } catch (cause) {
      metrics.writeFailed();
      log.error("the outbox could not be written; the notification goes out without it", { cause });
    }
  }

  const createId = (nowMs: number) =>
    `msg_${nowMs.toString(36)}${seq.toString(36)}${Math.floor(settings.random() * 2 ** 48).toString(36)}`;

  /** Entries of groups that fire are needed as long as they are repeated, others for what may still come late. */
  function livingEntries(): NotificationLogEntry[] {
    const oldestMs = clock.nowMs() - Math.max(entryRetentionMs, 2 * repeatIntervalMs);
    const busy = new Set(outbox.rows().map((row) => entryKey(row.receiver, row.groupKey)));
    for (const [key, entry] of entries) {
      if (entry.timestampMs < oldestMs && !busy.has(key)) entries.delete(key);
    }
    return [...entries.values()];
  }

  return {
    accept,
    async start() {
      outboxLog = await openOutboxLog({
        path: join(settings.stateDir, "outbox.log"),
        current: (): { rows: readonly OutboxRow[]; entries: readonly NotificationLogEntry[] } => ({
          rows: outbox.rows(),
          entries: livingEntries(),
        }),
        onProblem(cause) {
          metrics.writeFailed();
          log.warn("the outbox could not be compacted", { cause });
        },
      });
      const { rows, entries: known, brokenLines } = outboxLog.recovered;
      if (brokenLines > 0) {
        metrics.brokenLines(brokenLines);
        log.warn("records of the outbox did not decode", { records: brokenLines });
      }
      for (const entry of known) entries.set(entryKey(entry.receiver, entry.groupKey), entry);
      for (const row of rows) seq = Math.max(seq, row.seq);
      outbox.recover(rows);
    },
    async stop({ deadlineMs }) {
      isStopped = true;
      for (const group of groups.values()) group.cancelTimer();
      await Promise.all(flushes);
      await outbox.stop(deadlineMs);
      await outboxLog?.close();
    },
    status: () => ({ groups: groups.size, receivers: outbox.status() }),
    async idle() {
      for (;;) {
        await Promise.all(flushes);
        await outbox.idle();
        await outboxLog?.idle();
        if (flushes.size === 0) return;
      }
    },
  };
}
