import { connect, type Socket } from "node:net";
import { afterEach } from "vitest";
import { systemClock, type Clock, type JournalBatch } from "../model/index.ts";
import type { OtlpSignal } from "../otlp/index.ts";
import { createLog, createTelemetry } from "../telemetry/index.ts";
import { createOtlpReceiver, type OtlpReceiver, type ReceiverSettings } from "./receiver.ts";

export interface Opened {
  readonly receiver: OtlpReceiver;
  /** host:port of each listener. */
  readonly addresses: readonly string[];
  /** The first of them. */
  readonly address: string;
  readonly url: string;
  readonly appended: { readonly signal: OtlpSignal; readonly batch: JournalBatch }[];
  /** The receiver's metrics as `name{label="value"} value` lines, those that are 0 left out. */
  metrics(): Promise<string[]>;
}

interface OpenSettings extends Partial<Omit<ReceiverSettings, "tokens" | "append">> {
  readonly tokens?: readonly string[];
  readonly append?: (signal: OtlpSignal, batch: JournalBatch) => Promise<void>;
}

const running: OtlpReceiver[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((receiver) => receiver.stop({ deadlineMs: 1_000 })));
});

/** A receiver on a free port of loopback, stopped after the test. */
export async function open({ tokens = [], append, ...settings }: OpenSettings = {}): Promise<Opened> {
  const appended: Opened["appended"] = [];
  const telemetry = createTelemetry();
  const receiver = createOtlpReceiver({
    listen: [{ host: "127.0.0.1", port: 0 }],
    requestSizeBytesMax: 1024 * 1024,
    clock: systemClock,
    telemetry,
    log: createLog(() => {}, Date.now),
    ...settings,
    tokens: () => tokens,
    append: async (signal, batch) => {
      await append?.(signal, batch);
      // As a journal does: the memory is the receiver's own again when this has resolved.
      const payload = batch.payload.map((bytes) => Buffer.from(bytes));
      appended.push({ signal, batch: { ...batch, payload } });
    },
  });
  running.push(receiver);
  const addresses = await receiver.start();
  const address = addresses[0]!;
  return {
    receiver,
    addresses,
    address,
    url: `http://${address}`,
    appended,
    async metrics() {
      const all = (await telemetry.snapshot()) as readonly MetricSnapshot[];
      return all.flatMap(({ name, values }) =>
        values
          .filter(({ value }) => value !== 0)
          .map(({ labels, value, metricName = name }) => {
            const text = Object.entries(labels).map(([label, of]) => `${label}="${of}"`);
            return `${metricName}${text.length === 0 ? "" : `{${text.join(",")}}`} ${value}`;
          }),
      );
    },
  };
}

interface MetricSnapshot {
  readonly name: string;
  readonly values: readonly {
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
    readonly metricName?: string;
  }[];
}

export const goodTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
export const spanOf = (traceId: string, name = "GET /"): object => ({
  traceId,
  spanId: "00f067aa0ba902b7",
  name,
  kind: 2,
});
export const traces = (...spans: readonly object[]): object => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeSpans: [{ spans }],
    },
  ],
});

export const post = (
  url: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url, {
    method: "POST",
    body: typeof body === "string" ? body : new Uint8Array(body),
    headers: { "content-type": "application/x-protobuf", ...headers },
  });

/** A clock that tests turn; its timers fire when they are due. */
export function createTestClock(startMs: number): Clock & { turnTo(nowMs: number): void } {
  let nowMs = startMs;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  return {
    nowMs: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    turnTo(atMs) {
      nowMs = atMs;
      for (const timer of timers) {
        if (timer.atMs > nowMs) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

/** A plain connection, and all it has received. */
export function dial(
  address: string,
  { allowHalfOpen = false } = {},
): Promise<{ readonly socket: Socket; readonly received: () => string; readonly closed: Promise<void> }> {
  const [host, port] = address.split(":") as [string, string];
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ host, port: Number(port), noDelay: true, allowHalfOpen }, () =>
      resolve({
        socket,
        received: () => text,
        closed: new Promise((ended) => socket.once("close", () => ended())),
      }),
    );
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.on("error", reject);
  });
}
