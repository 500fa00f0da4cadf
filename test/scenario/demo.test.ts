import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProcess, until, type StartedProcess } from "../support/index.ts";
import { descendantsOf, stillRunning, type SeenProcess } from "./process-tree.ts";
import { root } from "./quartet.ts";

/** Through the launcher, as `npm start` does it. */
const startDemo = (args: readonly string[] = []): Promise<StartedProcess> =>
  startProcess({
    name: "the demo",
    command: process.execPath,
    args: [join(root, "packages", "installer", "bin", "quartet.js"), "up", "--demo", ...args],
  });

interface DemoResult {
  readonly firing: boolean;
  readonly resolved: boolean;
  readonly fault_to_webhook_ms: number;
  readonly spans_sent: number;
  readonly spans_journaled: number;
}

function resultOf(demo: StartedProcess): DemoResult {
  return JSON.parse(demo.stdout().trimEnd().split("\n").at(-1) ?? "") as DemoResult;
}

/** Launcher's child, collector and three services. */
const processCount = 5;

/** Waits until the shop sells, and gives every process below the demo's launcher. */
async function processesOfRunning(demo: StartedProcess): Promise<readonly SeenProcess[]> {
  await until(() => demo.exit() !== undefined || demo.stdout().includes("the shop sells"), {
    deadlineMs: 90_000,
    what: "the shop to sell",
  });
  const seen = await descendantsOf(demo.pid);
  if (seen.length < processCount) {
    throw new Error(`${seen.length} processes instead of ${processCount}:\n${demo.stdout()}${demo.stderr()}`);
  }
  return seen;
}

/** Somebody else's program on each of the documented ports; those that are taken already do as well. */
const taken: Server[] = [];
beforeAll(async () => {
  for (const port of [4317, 4318, 4004, 5001]) {
    const server = createServer((socket) => socket.destroy());
    const isOurs = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, host: "127.0.0.1" }, () => resolve(true));
    });
    if (isOurs) taken.push(server);
  }
});
afterAll(async () => {
  await Promise.all(taken.map((server) => new Promise((resolve) => server.close(resolve))));
});

test("the demo alone raises the alert, resolves it, loses no span and leaves no process, whoever has its ports", async () => {
  await using demo = await startDemo(["--once", "--healthy-for", "3"]);
  const seen = await processesOfRunning(demo);
  const exit = await demo.exited;
  const output = `${demo.stdout()}${demo.stderr()}`;
  expect({ ...exit, output }).toEqual({ code: 0, signal: null, output });
  const result = resultOf(demo);
  expect(result).toEqual({
    firing: true,
    resolved: true,
    fault_to_webhook_ms: expect.any(Number) as number,
    spans_sent: result.spans_journaled,
    spans_journaled: result.spans_sent,
  });
  expect(result.fault_to_webhook_ms).toBeGreaterThan(0);
  expect(result.fault_to_webhook_ms).toBeLessThan(2_000);
  expect(result.spans_sent).toBeGreaterThan(100);
  // What a person sees: the alert's name, its labels, one failing trace and where to look at it.
  expect(output).toMatch(/FIRING\s+ServiceFailing.*payments fails \S+% of its requests/);
  expect(output).toMatch(/trace\s+[0-9a-f]{32}\n\s+look\s+http:\/\/127\.0\.0\.1:\d+\/traces\/[0-9a-f]{32}/);
  expect(output).toMatch(/RESOLVED\s+ServiceFailing/);
  expect(await stillRunning(seen)).toEqual([]);
});

test("Ctrl-C in mid-demo ends it within 15 s and leaves no process", async () => {
  await using demo = await startDemo();
  const seen = await processesOfRunning(demo);
  const beganMs = performance.now();
  // A terminal sends the signal to the whole group; the launcher passes it on, which is the harder case alone.
  demo.signal("SIGINT");
  const exit = await demo.exited;
  expect(performance.now() - beganMs).toBeLessThan(15_000);
  expect(exit).toEqual({ code: 0, signal: null });
  await until(async () => (await stillRunning(seen)).length === 0, {
    deadlineMs: 2_000,
    what: "every process to be gone",
  });
});

test("the demo's processes end by themselves when the launcher is killed with -9", async () => {
  await using demo = await startDemo();
  const seen = await processesOfRunning(demo);
  demo.signal("SIGKILL");
  await demo.exited;
  await until(async () => (await stillRunning(seen)).length === 0, {
    deadlineMs: 20_000,
    what: "every process to be gone",
  });
});

test("the collector killed with -9 in mid-demo costs no acknowledged span, and the alert still arrives", async () => {
  await using demo = await startDemo(["--once", "--healthy-for", "3"]);
  const seen = await processesOfRunning(demo);
  const collector = seen.find(({ commandLine }) => / collector --config /.test(commandLine));
  if (collector === undefined) throw new Error(`no collector among ${JSON.stringify(seen)}`);
  process.kill(collector.pid, "SIGKILL");
  await demo.exited;
  const output = `${demo.stdout()}${demo.stderr()}`;
  expect(output).toContain("the collector died and was started again");
  const result = resultOf(demo);
  expect({ ...result, output }).toMatchObject({ firing: true, resolved: true });
  expect(result.spans_sent).toBeGreaterThan(100);
  // A batch that was synced but not yet answered is sent again: more than sent is right, less is a loss.
  expect(result.spans_journaled).toBeGreaterThanOrEqual(result.spans_sent);
});
