import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { AlertEvent } from "../model/index.ts";
import { createTestClock } from "../rules/timeline.test-kit.ts";
import { createLog, createTelemetry } from "../telemetry/index.ts";
import { createNotifier, type Notifier, type NotifierSettings } from "./notifier.ts";
import type { WebhookPayload } from "./payload.ts";
import type { PostOutcome, PostRequest } from "./transport.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const zeroMs = 1_750_000_000_000;
const accepted: PostOutcome = { kind: "accepted" };
const busy: PostOutcome = { kind: "retryable", cause: "HTTP 503", retryAfterMs: undefined };

interface Sent {
  readonly atMs: number;
  readonly request: PostRequest;
  readonly payload: WebhookPayload;
}

interface Run {
  notifier: Notifier;
  readonly sent: readonly Sent[];
  readonly stateDir: string;
  /** What the receiver answers from now on. */
  answer: (request: PostRequest) => PostOutcome | Promise<PostOutcome>;
  advanceTo(timeMs: number): Promise<void>;
  accept(...events: AlertEvent[]): Promise<void>;
  /** A new process on the same folder; the old one's timers are gone. */
  crashAndRestart(): Promise<void>;
  metric(name: string): Promise<number>;
}

async function open(settings: Partial<NotifierSettings> = {}): Promise<Run> {
  const stateDir = mkdtempSync(join(tmpdir(), "quartet-notify-"));
  cleanups.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const clock = createTestClock(zeroMs);
  const sent: Sent[] = [];
  let telemetry = createTelemetry();
  const log = createLog(
    () => undefined,
    () => clock.nowMs(),
  );
  async function begin(): Promise<Notifier> {
    telemetry = createTelemetry();
    const notifier = createNotifier({
      webhooks: [{ name: "web.hook", url: "http://receiver.example/" }],
      stateDir,
      externalUrl: "http://collector.example",
      post: async (request) => {
        const outcome = await run.answer(request);
        sent.push({
          atMs: clock.nowMs() - zeroMs,
          request,
          payload: JSON.parse(request.body) as WebhookPayload,
        });
        return outcome;
      },
      clock,
      random: () => 0.5,
      telemetry,
      log,
      ...settings,
    });
    await notifier.start();
    cleanups.push(() => notifier.stop({ deadlineMs: 0 }));
    return notifier;
  }
  const run: Run = {
    notifier: undefined as unknown as Notifier,
    sent,
    stateDir,
    answer: () => accepted,
    advanceTo: (timeMs) => clock.advanceTo(zeroMs + timeMs, () => run.notifier.idle()),
    async accept(...events) {
      run.notifier.accept(events);
      await run.notifier.idle();
    },
    async crashAndRestart() {
      await run.notifier.idle();
      clock.dropTimers();
      run.notifier = await begin();
      await run.notifier.idle();
    },
    async metric(name) {
      const snapshot = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
      return (
        snapshot.find((metric) => metric.name === name)?.values.reduce((sum, { value }) => sum + value, 0) ??
        0
      );
    },
  };
  run.notifier = await begin();
  return run;
}

const alert = (host: string, fields: Partial<AlertEvent> = {}): AlertEvent => ({
  fingerprint: host.padStart(16, "0"),
  status: "firing",
  labels: { alertname: "High", host, ...fields.labels },
  annotations: { summary: `${host} is high` },
  startsAtMs: zeroMs - 500,
  endsAtMs: undefined,
  generatorUrl: "http://collector.example/graph?g0.expr=x&g0.tab=1",
  value: 7,
  evidence: [],
  ...fields,
});
const healed = (host: string, endsAtMs = zeroMs + 1_000): AlertEvent =>
  alert(host, { status: "resolved", endsAtMs });

const brief = (sent: readonly Sent[]) =>
  sent.map(({ atMs, payload }) => [
    atMs,
    payload.notification_reason,
    payload.alerts.map(({ status, labels }) => `${labels["host"]} ${status}`).join(", "),
  ]);

test("the first alert of a group is told at once, in Alertmanager's payload version 4 with a quartet block", async () => {
  const run = await open();
  const evidence = [
    {
      traceId: "ab".repeat(16),
      spanId: "cd".repeat(8),
      timestampMs: zeroMs - 1,
      seriesLabels: { service: "pay" },
      url: "http://t/1",
    },
  ];
  await run.accept(alert("a", { evidence, value: Number.NaN }), alert("b"));
  expect(run.sent[0]?.payload).toEqual({
    receiver: "web\\.hook",
    status: "firing",
    alerts: [
      {
        status: "firing",
        labels: { alertname: "High", host: "a" },
        annotations: { summary: "a is high" },
        startsAt: "2025-06-15T15:06:39.5Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "http://collector.example/graph?g0.expr=x&g0.tab=1",
        fingerprint: "000000000000000a",
        quartet: {
          value: "NaN",
          traces: [
            {
              traceId: "ab".repeat(16),
              spanId: "cd".repeat(8),
              timestamp: "2025-06-15T15:06:39.999Z",
              url: "http://t/1",
              labels: { service: "pay" },
            },
          ],
        },
      },
      expect.objectContaining({
        labels: { alertname: "High", host: "b" },
        quartet: { value: 7, traces: [] },
      }) as unknown,
    ],
    notification_reason: "first notification",
    groupLabels: { alertname: "High" },
    commonLabels: { alertname: "High" },
    commonAnnotations: {},
    routeLabels: {},
    externalURL: "http://collector.example",
    version: "4",
    groupKey: '{}:{alertname="High"}',
    truncatedAlerts: 0,
  });
  expect(run.sent).toHaveLength(1);
  expect(run.sent[0]?.request.headers).toMatchObject({
    "content-type": "application/json",
    "webhook-id": expect.stringMatching(/^msg_\w+$/) as string,
    "webhook-timestamp": String(zeroMs / 1_000),
  });
});

test("a group speaks again when there is news, after its interval, and says why", async () => {
  const run = await open();
  await run.accept(alert("a"));
  await run.advanceTo(300);
  await run.accept(alert("b"));
  await run.accept(alert("a"));
  await run.advanceTo(999);
  expect(run.sent).toHaveLength(1);
  await run.advanceTo(1_000);
  await run.advanceTo(5_000);
  await run.accept(healed("a"));
  await run.advanceTo(9_000);
  await run.accept(healed("b"));
  await run.advanceTo(9_100);
  await run.accept(healed("b"));
  await run.advanceTo(20_000);
  await run.accept(alert("a"));
  expect(brief(run.sent)).toEqual([
    [0, "first notification", "a firing"],
    [1_000, "new alerts added", "a firing, b firing"],
    [5_000, "some alerts resolved", "a resolved, b firing"],
    [9_000, "all alerts resolved", "b resolved"],
    [20_000, "first notification", "a firing"],
  ]);
  expect(run.sent[3]?.payload.alerts[0]?.endsAt).toBe("2025-06-15T15:06:41Z");
  expect(run.notifier.status()).toMatchObject({
    groups: 1,
    receivers: [{ receiver: "web.hook", rows: 0, lastError: "" }],
  });
});

test("what goes on firing is told again after the repeat interval", async () => {
  const run = await open({ repeatIntervalMs: 60_000 });
  await run.accept(alert("a"));
  await run.advanceTo(150_000);
  expect(brief(run.sent)).toEqual([
    [0, "first notification", "a firing"],
    [60_001, "repeat interval elapsed", "a firing"],
    [120_002, "repeat interval elapsed", "a firing"],
  ]);
});

test("group_wait gathers a group's first alerts; one that heals before is never told", async () => {
  const run = await open({ groupWaitMs: 10_000 });
  const now = { startsAtMs: zeroMs };
  await run.accept(alert("a", now));
  await run.advanceTo(4_000);
  await run.accept(alert("b", now), alert("c", { ...now, labels: { alertname: "Other", host: "c" } }));
  await run.advanceTo(5_000);
  await run.accept(
    alert("c", {
      ...now,
      status: "resolved",
      endsAtMs: zeroMs + 5_000,
      labels: { alertname: "Other", host: "c" },
    }),
  );
  await run.advanceTo(60_000);
  expect(brief(run.sent)).toEqual([[10_000, "first notification", "a firing, b firing"]]);
});

test("a receiver that wants no resolved alerts gets none, and hears of the next fire as a first one", async () => {
  const run = await open({ webhooks: [{ name: "w", url: "http://r/", sendResolved: false, maxAlerts: 1 }] });
  await run.accept(alert("a"), alert("b"));
  await run.advanceTo(2_000);
  await run.accept(healed("a"), healed("b"));
  await run.advanceTo(4_000);
  await run.accept(alert("a"));
  expect(brief(run.sent)).toEqual([
    [0, "first notification", "a firing"],
    [4_000, "first notification", "a firing"],
  ]);
  expect(run.sent[0]?.payload.truncatedAlerts).toBe(1);
});

test("attempts are repeated with growing pauses and one webhook-id until the receiver accepts", async () => {
  const run = await open();
  run.answer = () => (run.sent.length < 4 ? busy : accepted);
  await run.accept(alert("a"));
  await run.advanceTo(60_000);
  expect(run.sent.map(({ atMs }) => atMs)).toEqual([0, 500, 1_250, 2_375, 4_063]);
  expect(new Set(run.sent.map(({ request }) => request.headers["webhook-id"])).size).toBe(1);
  expect(await run.metric("quartet_notify_sent_total")).toBe(1);
  expect(await run.metric("quartet_notify_requests_failed_total")).toBe(4);
});

test("a Retry-After delays the next attempt by that time", async () => {
  const run = await open();
  run.answer = () => (run.sent.length === 0 ? { ...busy, retryAfterMs: 30_000 } : accepted);
  await run.accept(alert("a"));
  await run.advanceTo(29_999);
  expect(run.sent).toHaveLength(1);
  await run.advanceTo(30_000);
  expect(run.sent).toHaveLength(2);
});

test("a newer notification takes the place of an unsent one and says what that would have said of resolved alerts", async () => {
  const run = await open();
  await run.accept(alert("a"), alert("b"));
  run.answer = () => busy;
  await run.advanceTo(2_000);
  await run.accept(healed("a"));
  await run.advanceTo(2_100);
  await run.accept(alert("c"));
  await run.advanceTo(3_100);
  run.answer = () => accepted;
  await run.advanceTo(60_000);
  expect(brief(run.sent).at(-1)).toEqual([
    expect.any(Number),
    "new alerts added",
    "b firing, c firing, a resolved",
  ]);
  expect(await run.metric("quartet_notify_superseded_total")).toBe(1);
  expect(await run.metric("quartet_notify_queued_total")).toBe(3);
  expect(await run.metric("quartet_notify_sent_total")).toBe(2);
});

test("notifications of a group go out one after another, in order", async () => {
  const run = await open();
  const waiting: ((outcome: PostOutcome) => void)[] = [];
  run.answer = () => new Promise((resolve) => waiting.push(resolve));
  run.notifier.accept([alert("a")]);
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBe(1);
  run.notifier.accept([alert("x", { labels: { alertname: "Other", host: "x" } })]);
  await expect.poll(() => waiting.length, { timeout: 5_000 }).toBe(2);
  run.answer = () => accepted;
  for (const resolve of waiting) resolve(accepted);
  await run.notifier.idle();
  expect(run.sent.map(({ payload }) => payload.groupLabels["alertname"])).toEqual(["High", "Other"]);
});

test("what a receiver refuses, or does not accept for a day, becomes a dead letter", async () => {
  const run = await open({ repeatIntervalMs: 48 * 3_600_000 });
  run.answer = () => ({ kind: "refused", cause: "HTTP 400: no" });
  await run.accept(alert("a"));
  run.answer = () => busy;
  await run.accept(alert("x", { labels: { alertname: "Other", host: "x" } }));
  await run.advanceTo(25 * 3_600_000);
  const letters = readFileSync(join(run.stateDir, "dead-letters.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(letters).toMatchObject([
    { reason: "refused", cause: "HTTP 400: no", receiver: "web.hook", payload: { version: "4" } },
    { reason: "deadline", cause: "HTTP 503", payload: { groupLabels: { alertname: "Other" } } },
  ]);
  expect(await run.metric("quartet_notify_dead_letters_total")).toBeGreaterThanOrEqual(2);
  expect(run.notifier.status().receivers[0]).toMatchObject({
    rows: expect.any(Number) as number,
    lastError: "HTTP 503",
  });
});

test("a full outbox gives up its oldest notification and counts it", async () => {
  const run = await open({ outboxRowsMax: 2 });
  run.answer = () => busy;
  for (const [index, alertname] of ["One", "Two", "Three"].entries()) {
    await run.advanceTo(index);
    await run.accept(alert("a", { labels: { alertname, host: "a" }, fingerprint: alertname }));
  }
  expect(run.notifier.status().receivers[0]?.rows).toBe(2);
  expect(readFileSync(join(run.stateDir, "dead-letters.jsonl"), "utf8")).toContain('"reason":"outbox_full"');
  expect(await run.metric("quartet_notify_queued_total")).toBe(3);
});

test("a restart tells nobody what they know, delivers what was waiting, and tells what healed meanwhile", async () => {
  const run = await open();
  await run.accept(alert("a"));
  run.answer = () => busy;
  await run.accept(alert("x", { labels: { alertname: "Other", host: "x" } }));
  const id = run.sent.at(-1)?.request.headers["webhook-id"];
  run.answer = () => accepted;
  await run.crashAndRestart();
  expect(run.sent.at(-1)?.request.headers["webhook-id"]).toBe(id);
  const before = run.sent.length;
  await run.accept(alert("a"), alert("x", { labels: { alertname: "Other", host: "x" } }));
  await run.advanceTo(5_000);
  expect(run.sent).toHaveLength(before);
  await run.crashAndRestart();
  await run.accept(healed("a"));
  expect(brief(run.sent).at(-1)).toEqual([5_000, "all alerts resolved", "a resolved"]);
});
