import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const source = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);

/** A process with a real notifier on real files; `post` is the source of its transport. Ends by itself or by kill -9. */
async function runNotifier(options: {
  readonly stateDir: string;
  readonly url: string;
  readonly post: string;
  readonly accepts: boolean;
}): Promise<string> {
  const script = `
    const { createNotifier, postWebhook } = await import(${source("index.ts")});
    const { createLog, createTelemetry } = await import(${source("../telemetry/index.ts")});
    const { systemClock } = await import(${source("../model/index.ts")});
    const die = () => process.kill(process.pid, "SIGKILL");
    const notifier = createNotifier({
      webhooks: [{ name: "w", url: ${JSON.stringify(options.url)} }], stateDir: ${JSON.stringify(options.stateDir)},
      externalUrl: "http://c", post: ${options.post}, clock: systemClock, random: Math.random,
      telemetry: createTelemetry(), log: createLog(() => {}, Date.now),
    });
    await notifier.start();
    if (${options.accepts}) notifier.accept([{ fingerprint: "00000000000000aa", status: "firing", labels: { alertname: "A" },
      annotations: {}, startsAtMs: Date.now(), endsAtMs: undefined, generatorUrl: "http://c/g", value: 1, evidence: [] }]);
    await notifier.idle();
    await notifier.stop({ deadlineMs: 1_000 });`;
  const child = spawn(
    process.execPath,
    ["--conditions=quartet-source", "--input-type=module", "-e", script],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  cleanups.push(() => child.kill("SIGKILL"));
  return await new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? String(code)));
  });
}

async function openReceiver(): Promise<{ url: string; ids: unknown[]; bodies: string[] }> {
  const ids: unknown[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      ids.push(request.headers["webhook-id"]);
      bodies.push(body);
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ids, bodies };
}

const tempDir = () => {
  const dir = mkdtempSync(join(tmpdir(), "quartet-notify-crash-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

test("a notification that was durable when kill -9 struck is delivered by the next process, once", async () => {
  const { url, ids } = await openReceiver();
  const stateDir = tempDir();
  expect(
    await runNotifier({
      stateDir,
      url,
      post: "async () => { die(); await new Promise(() => {}); }",
      accepts: true,
    }),
  ).toBe("SIGKILL");
  expect(ids).toEqual([]);
  expect(await runNotifier({ stateDir, url, post: "postWebhook", accepts: false })).toBe("0");
  expect(ids).toHaveLength(1);
  expect(await runNotifier({ stateDir, url, post: "postWebhook", accepts: true })).toBe("0");
  expect(ids).toHaveLength(1);
}, 30_000);

test("kill -9 between the receiver's 2xx and its record gives a second delivery with the same webhook-id and body", async () => {
  const { url, ids, bodies } = await openReceiver();
  const stateDir = tempDir();
  const post = "async (request) => { await postWebhook(request); die(); await new Promise(() => {}); }";
  expect(await runNotifier({ stateDir, url, post, accepts: true })).toBe("SIGKILL");
  expect(ids).toHaveLength(1);
  expect(await runNotifier({ stateDir, url, post: "postWebhook", accepts: false })).toBe("0");
  expect(ids).toHaveLength(2);
  expect(ids[1]).toBe(ids[0]);
  expect(bodies[1]).toBe(bodies[0]);
}, 30_000);
