import { afterEach, expect, test } from "vitest";
import type { ReceivedAlert } from "./payload.ts";
import { formatAlert } from "./print.ts";
import { startInbox, type Inbox } from "./server.ts";

const running: Inbox[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((inbox) => inbox.stop()));
});

async function openInbox(): Promise<{ inbox: Inbox; seen: ReceivedAlert[] }> {
  const seen: ReceivedAlert[] = [];
  const inbox = await startInbox({
    host: "127.0.0.1",
    port: 0,
    nowMs: () => 1_700_000_000_000,
    onAlert: (alert) => seen.push(alert),
  });
  running.push(inbox);
  return { inbox, seen };
}

const post = (inbox: Inbox, body: unknown) =>
  fetch(inbox.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const payload = (name: string, status = "firing") => ({
  version: "4",
  receiver: "webhook",
  alerts: [
    {
      status,
      labels: { alertname: name, service_name: "payments" },
      annotations: { summary: "payments fails 12% of its requests" },
      startsAt: "2026-11-21T10:00:00Z",
      endsAt: status === "firing" ? "0001-01-01T00:00:00Z" : "2026-11-21T10:05:00Z",
      generatorURL: "http://127.0.0.1:4004/graph",
      fingerprint: "00000000000000aa",
      quartet: {
        value: 0.12,
        traces: [{ traceId: "ab".repeat(16), url: "http://127.0.0.1:4004/traces/abab" }],
      },
    },
  ],
});

test("an alert that was posted is served as JSON, newest first", async () => {
  const { inbox, seen } = await openInbox();
  expect((await post(inbox, payload("First"))).status).toBe(200);
  await post(inbox, payload("Second", "resolved"));
  const { alerts } = (await (await fetch(`${inbox.url}/api/alerts`)).json()) as { alerts: ReceivedAlert[] };
  expect(alerts.map(({ labels, status }) => [labels["alertname"], status])).toEqual([
    ["Second", "resolved"],
    ["First", "firing"],
  ]);
  expect(alerts[1]).toMatchObject({ value: 0.12, traces: [{ traceId: "ab".repeat(16) }] });
  expect(seen.map(({ id }) => id)).toEqual([1, 2]);
});

test("an alert that a later notification of its group names again is kept as a repeat", async () => {
  const { inbox } = await openInbox();
  await post(inbox, payload("Again"));
  await post(inbox, payload("Again"));
  await post(inbox, payload("Again", "resolved"));
  expect(inbox.alerts().map(({ status, isRepeat }) => [status, isRepeat])).toEqual([
    ["resolved", false],
    ["firing", true],
    ["firing", false],
  ]);
});

test("only the newest 1,000 alerts are kept", async () => {
  const { inbox } = await openInbox();
  const [alert] = payload("Many").alerts;
  for (let call = 0; call < 3; call += 1)
    await post(inbox, { alerts: Array.from({ length: 400 }, () => alert) });
  expect(inbox.alerts()).toHaveLength(1_000);
  expect(inbox.alerts()[0]?.id).toBe(1_200);
});

test("a payload that is no webhook payload is refused with the field that is wrong", async () => {
  const { inbox, seen } = await openInbox();
  const answer = await post(inbox, { alerts: [{ status: "burning" }] });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ error: 'alerts[0].status: should be "firing" or "resolved"' });
  expect((await post(inbox, ["no object"])).status).toBe(400);
  expect(seen).toEqual([]);
});

test("an open page is told of each change", async () => {
  const { inbox } = await openInbox();
  const leaving = new AbortController();
  const events = await fetch(`${inbox.url}/events`, { signal: leaving.signal });
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  await post(inbox, payload("Shown"));
  let text = "";
  while (!text.includes("data: changed")) text += (await reader.read()).value ?? "";
  expect(events.headers.get("content-type")).toBe("text/event-stream");
  leaving.abort();
});

test("the terminal shows labels, value, one failing trace and its link, and no control characters", () => {
  const alert: ReceivedAlert = {
    id: 1,
    receivedAtMs: 0,
    isRepeat: false,
    receiver: "webhook",
    status: "firing",
    fingerprint: "aa",
    labels: { alertname: "Service\u001b[2JFailing", service_name: "payments" },
    annotations: { summary: "it\nfails" },
    startsAt: "2026-11-21T10:00:00Z",
    endsAt: undefined,
    generatorUrl: "http://127.0.0.1:4004/graph",
    value: 0.123456789,
    traces: [{ traceId: "abcd", url: "http://127.0.0.1:4004/traces/abcd" }],
  };
  const text = formatAlert(alert, false);
  expect(text).toContain("FIRING  Service [2JFailing  it fails");
  expect(text).toContain("service_name=payments");
  expect(text).toContain("0.123457");
  expect(text).toContain("http://127.0.0.1:4004/traces/abcd");
  expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});
