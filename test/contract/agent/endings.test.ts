import { expect, test } from "vitest";
import { freePort, runProcess } from "../../support/index.ts";
import { startReceiver } from "./receiver.ts";
import { agentFlags, eventually, node, scriptPath, serviceEnv, startService } from "./service.ts";

/** No timer may send anything: what arrives was sent because of the end. */
const env = {
  OTEL_BSP_SCHEDULE_DELAY: "600000",
  OTEL_BLRP_SCHEDULE_DELAY: "600000",
  OTEL_METRIC_EXPORT_INTERVAL: "600000",
};

/** Runs a script to its end. `endpoint` undefined: without the agent. */
async function run(script: string, args: readonly string[], endpoint: string | undefined) {
  return runProcess({
    command: node,
    args: [...(endpoint === undefined ? [] : agentFlags), scriptPath(script), ...args],
    env: await serviceEnv({ endpoint, env }),
  });
}

/** A stack trace names line and column of the same file; the rest of the text is compared as it is. */
const crashText = (stderr: string): string => stderr.replaceAll(/^ +at (?!.*plain\.mjs).*\n/gm, "");

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} without a handler: what is recorded arrives, and the service dies of the signal`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script: "plain.mjs", endpoint: receiver.url, env });
    for (let count = 0; count < 5; count += 1) await (await fetch(`${service.url}/echo`)).text();
    expect(receiver.spans).toHaveLength(0);
    expect(await service.process.stop({ signal })).toEqual({ code: null, signal });
    expect(receiver.spans).toHaveLength(5);
    expect(receiver.logs.filter(({ body }) => body === "echoed")).toHaveLength(5);
    // The last values of the metrics as well.
    expect(receiver.metrics.some(({ name }) => name === "http_server_request_duration_seconds")).toBe(true);
    expect(service.process.stderr()).toBe("");
  });
}

test("SIGTERM cuts running requests off, and they arrive as errors", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url, env });
  const unanswered = fetch(`${service.url}/never`);
  unanswered.catch(() => undefined);
  await eventually("the request", () => service.process.stdout().includes("never answering"));
  await service.process.stop();
  await expect(unanswered).rejects.toThrow(/fetch failed|aborted/);
  expect(receiver.spans).toMatchObject([{ status: 2, attributes: { "error.type": "SIGTERM" } }]);
});

test("SIGTERM with the service's own handler: the end is the service's, and nothing is lost", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    args: ["--own-handler"],
    env,
  });
  await (await fetch(`${service.url}/echo`)).text();
  const ready = await fetch(`${service.adminUrl}/readyz`);
  expect(ready.status).toBe(200);
  expect(await service.process.stop()).toEqual({ code: 3, signal: null });
  expect(receiver.spans).toHaveLength(1);
  expect(receiver.logs.map(({ body }) => body)).toContain("closed by the service's own handler");
});

test("SIGTERM beside the listener of signal-exit, which waits for nobody else to listen, ends the service", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    args: ["--polite"],
    env,
  });
  await (await fetch(`${service.url}/echo`)).text();
  expect(await service.process.stop({ graceMs: 8_000 })).toEqual({ code: null, signal: "SIGTERM" });
  expect(service.process.stderr()).toBe("tidied up\n");
  expect(receiver.spans).toHaveLength(1);
});

test("SIGTERM while the collector is away ends the service in time", async () => {
  await using service = await startService({
    script: "plain.mjs",
    endpoint: `http://127.0.0.1:${await freePort()}`,
    env,
  });
  await (await fetch(`${service.url}/echo`)).text();
  const startedMs = performance.now();
  expect(await service.process.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test("SIGTERM while the collector takes requests and never answers ends the service after the deadline", async () => {
  await using receiver = await startReceiver();
  receiver.answer = () => new Promise(() => undefined);
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { ...env, QUARTET_SHUTDOWN_TIMEOUT_MS: "300" },
  });
  await (await fetch(`${service.url}/echo`)).text();
  expect(await service.process.stop({ graceMs: 8_000 })).toEqual({ code: null, signal: "SIGTERM" });
});

for (const path of ["/crash", "/reject"]) {
  test(`${path}: the crash looks as it does without the agent, and arrives`, async () => {
    await using receiver = await startReceiver();
    await using with_ = await startService({ script: "plain.mjs", endpoint: receiver.url, env });
    await using without = await startService({ script: "plain.mjs", endpoint: undefined });
    await (await fetch(`${with_.url}/echo`)).text();
    for (const service of [with_, without])
      await expect(fetch(service.url + path)).rejects.toThrow(/fetch failed|aborted/);
    expect(await with_.process.exited).toEqual({ code: 1, signal: null });
    expect(await without.process.exited).toEqual({ code: 1, signal: null });
    expect(crashText(with_.process.stderr())).toBe(crashText(without.process.stderr()));
    const type = path === "/crash" ? "TypeError" : "RangeError";
    // First the request before, then the one that the crash cut off.
    expect(receiver.spans).toMatchObject([
      { status: 0 },
      { status: 2, attributes: { "url.path": path, "error.type": type } },
    ]);
    const fatal = receiver.logs.find(({ severityNumber }) => severityNumber === 21);
    expect(fatal).toMatchObject({ severityText: "fatal", attributes: { "exception.type": type } });
    expect(fatal?.traceId).toBe(receiver.spans[1]?.traceId);
    expect(String(fatal?.attributes["exception.stacktrace"])).toContain("plain.mjs");
  });
}

test("a crash that the service survives is recorded, and the service goes on", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    args: ["--survives"],
    env,
  });
  const leave = new AbortController();
  const unanswered = fetch(`${service.url}/crash`, { signal: leave.signal });
  unanswered.catch(() => undefined);
  await eventually("the record", () => receiver.logs.find(({ severityNumber }) => severityNumber === 21));
  leave.abort();
  expect((await fetch(`${service.url}/echo`)).status).toBe(200);
  expect(service.process.exit()).toBeUndefined();
});

test("process.exit in a request: the code is the service's, and what was recorded arrives", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url, env });
  await (await fetch(`${service.url}/echo`)).text();
  await expect(fetch(`${service.url}/exit`)).rejects.toThrow(/fetch failed|aborted/);
  expect(await service.process.exited).toEqual({ code: 7, signal: null });
  expect(receiver.spans).toMatchObject([
    { status: 0 },
    { status: 2, attributes: { "error.type": "process_exit" } },
  ]);
});

test("a job that has nothing left to do ends as soon as its data is sent", async () => {
  await using receiver = await startReceiver();
  const without = await run("job.mjs", [], undefined);
  const startedMs = performance.now();
  const with_ = await run("job.mjs", [], receiver.url);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(with_.code).toBe(without.code);
  expect(with_.stderr).toBe("");
  expect(receiver.spans.map(({ name }) => name)).toEqual(["work"]);
  expect(receiver.logs.map(({ body }) => body)).toEqual(["line"]);
});

test("a job that exits by itself keeps its code, and 5,000 lines of its log arrive", async () => {
  await using receiver = await startReceiver();
  const { code, stdout } = await run("job.mjs", ["--exit", "--logs", "5000"], receiver.url);
  expect(code).toBe(5);
  expect(stdout).toContain("done");
  expect(receiver.logs).toHaveLength(5_000);
  expect(receiver.logs.map(({ attributes }) => attributes["index"])).toEqual(
    Array.from({ length: 5_000 }, (_, index) => index),
  );
});

test("a job whose collector is away ends with its own code, in time", async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const startedMs = performance.now();
  expect((await run("job.mjs", ["--exit"], endpoint)).code).toBe(5);
  expect((await run("job.mjs", [], endpoint)).code).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
