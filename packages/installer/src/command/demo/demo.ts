import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { InstallerError } from "../../output/index.ts";
import { countJournaledItems, holdJournal } from "@quartet/collector";
import type { CommandIo, ExitCode } from "../command.ts";
import { formatAlert } from "../inbox/print.ts";
import type { ReceivedAlert } from "../inbox/payload.ts";
import { startInbox, type Inbox } from "../inbox/server.ts";
import { readAgentCounters } from "./agent-counters.ts";
import { startLoad, type Load } from "./load.ts";
import { takePort } from "./processes.ts";
import { startShop, type Shop } from "./shop.ts";
import { startSupervisedCollector, type SupervisedCollector } from "./supervised-collector.ts";

export interface DemoSettings {
  /** Unattended: ends by itself and prints one JSON line last. */
  readonly isOnce: boolean;
  /** Kept when given; otherwise a folder that is removed at the end. */
  readonly dataDir: string | undefined;
  readonly healthyMs: number;
}

/** What `--once` prints last. */
interface DemoResult {
  readonly firing: boolean;
  readonly resolved: boolean;
  readonly fault_to_webhook_ms: number | null;
  readonly spans_sent: number;
  readonly spans_journaled: number;
}

const perSecond = 25;
const firingTimeoutMs = 30_000;
const failingMs = 5_000;
const resolvedTimeoutMs = 60_000;
const drainTimeoutMs = 15_000;

/** Runs the shop, breaks it, shows the alert arrive, heals it, shows it resolve. Leaves no process behind. */
export async function runDemo(settings: DemoSettings, io: CommandIo): Promise<ExitCode> {
  const dataDir =
    settings.dataDir === undefined ? mkdtempSync(join(tmpdir(), "quartet-demo-")) : resolve(settings.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const isColoured = io.isTty && !io.env["NO_COLOR"];
  const startedMs = Date.now();
  const say = (text: string) => {
    const seconds = Math.floor((Date.now() - startedMs) / 1_000);
    const clock = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
    io.stdout.write(`  ${clock}  ${text}\n`);
  };

  const arrived: ReceivedAlert[] = [];
  let firstFailureMs: number | undefined;
  await using stack = new AsyncDisposableStack();
  if (settings.dataDir === undefined) stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));

  const inbox = await startInbox({
    host: "127.0.0.1",
    port: await takePort(5001),
    nowMs: () => Date.now(),
    onAlert(alert) {
      arrived.push(alert);
      if (alert.isRepeat) return;
      io.stdout.write(`\n${formatAlert(alert, isColoured)}`);
      if (
        firstFailureMs !== undefined &&
        isOf(alert, "firing") &&
        arrived.filter((other) => isOf(other, "firing")).length === 1
      ) {
        io.stdout.write(
          `    ${((alert.receivedAtMs - firstFailureMs) / 1_000).toFixed(2)} s after payments' first failed response\n`,
        );
      }
      io.stdout.write("\n");
    },
  });
  stack.defer(() => inbox.stop());
  // Segments that every stage has passed are deleted; the count at the end needs them all.
  holdJournal({ dataDir, consumer: "demo" });
  const collector = await startSupervisedCollector({
    dataDir,
    webhookUrl: `${inbox.url}/`,
    env: io.env,
    signal: io.signal,
    onRestart: () => say(`the collector died and was started again (pid ${collector.pid()})`),
  });
  stack.defer(() => collector.stop());
  const shop = await startShop({
    otlpUrl: collector.otlpUrl,
    env: io.env,
    signal: io.signal,
    onFirstFailure: (atMs) => (firstFailureMs = atMs),
  });
  stack.defer(() => shop.stop());
  introduce(io, { collector, inbox });

  const load = startLoad({ gatewayUrl: shop.gatewayUrl, perSecond });
  stack.defer(() => load.stop());
  try {
    say(`the shop sells ${perSecond} articles a second and all is well`);
    await pause(settings.healthyMs, io.signal);
    shop.setBankDown(true);
    say("the bank behind payments goes down");
    await untilAlert(arrived, "firing", firingTimeoutMs, io.signal);
    await pause(failingMs, io.signal);
    shop.setBankDown(false);
    say("the bank is back");
    await untilAlert(arrived, "resolved", resolvedTimeoutMs, io.signal);
    if (!settings.isOnce) {
      say(`that was it: the shop goes on selling. The inbox stays at ${inbox.url} until you press Ctrl-C.`);
      await pause(Number.POSITIVE_INFINITY, io.signal);
    }
  } catch (error) {
    if (!io.signal.aborted) shop.check();
    if (!io.signal.aborted && !settings.isOnce) throw error;
  }
  if (io.signal.aborted) {
    io.stdout.write("\n");
    say("ending: services first, then the collector");
    return settings.isOnce ? 1 : 0;
  }
  const result = await settle({ dataDir, shop, load, collector, arrived, firstFailureMs });
  io.stdout.write(`${JSON.stringify(result)}\n`);
  return result.firing && result.resolved && result.spans_sent === result.spans_journaled ? 0 : 1;
}

function introduce(io: CommandIo, parts: { collector: SupervisedCollector; inbox: Inbox }): void {
  io.stdout.write(
    [
      "",
      "  Quartet demo: gateway → checkout → payments, instrumented by `--import @quartet/agent/register` alone",
      "",
      `  collector   ${parts.collector.apiUrl}   OTLP on ${parts.collector.otlpPorts.join(" and ")}`,
      `  inbox       ${parts.inbox.url}   alerts arrive here, on the webhook`,
      "",
      "",
    ].join("\n"),
  );
}

/** Stops load, services and collector in the order of the data, and counts what each side has. */
async function settle(demo: {
  dataDir: string;
  shop: Shop;
  load: Load;
  collector: SupervisedCollector;
  arrived: readonly ReceivedAlert[];
  firstFailureMs: number | undefined;
}): Promise<DemoResult> {
  await demo.load.stop();
  const spansSent = await drainedSpans(Object.values(demo.shop.adminUrls));
  await demo.shop.stop();
  await demo.collector.stop();
  const firing = demo.arrived.find((alert) => isOf(alert, "firing"));
  return {
    firing: firing !== undefined,
    resolved: demo.arrived.some((alert) => isOf(alert, "resolved")),
    fault_to_webhook_ms:
      firing === undefined || demo.firstFailureMs === undefined
        ? null
        : Math.round(firing.receivedAtMs - demo.firstFailureMs),
    spans_sent: spansSent,
    spans_journaled: countJournaledItems({ dataDir: demo.dataDir, stream: "spans" }),
  };
}

/** The spans that the agents had acknowledged, once none is waiting any more. */
async function drainedSpans(adminUrls: readonly string[]): Promise<number> {
  const deadlineMs = Date.now() + drainTimeoutMs;
  for (;;) {
    const counters = await Promise.all(adminUrls.map(readAgentCounters));
    const isDrained = counters.every(
      ({ queued, recorded, sent, dropped }) => queued === 0 && recorded === sent + dropped,
    );
    if (isDrained || Date.now() > deadlineMs) return counters.reduce((sum, { sent }) => sum + sent, 0);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

const isOf = (alert: ReceivedAlert, status: ReceivedAlert["status"]) =>
  alert.status === status && alert.labels["service_name"] === "payments";

async function untilAlert(
  arrived: readonly ReceivedAlert[],
  status: ReceivedAlert["status"],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!arrived.some((alert) => isOf(alert, status))) {
    if (Date.now() > deadlineMs)
      throw new InstallerError(
        "QUARTET_NOT_READY",
        `no ${status} alert for payments came within ${timeoutMs / 1_000} s`,
      );
    await pause(50, signal);
  }
}

/** Waits; throws the signal's reason when it aborts. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    // A timer of more than 2^31 ms would fire at once.
    const timer = setTimeout(
      () => {
        signal.removeEventListener("abort", abort);
        wake();
      },
      Math.min(durationMs, 2 ** 31 - 1),
    );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
