import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openTempDir, runProcess } from "../../support/index.ts";
import { startReceiver, type ReceivedLog } from "./receiver.ts";
import { agentFlags, node, scriptPath, serviceEnv } from "./service.ts";

type Line = Record<string, unknown>;

/** Runs the loggers to their end: the lines they wrote. `endpoint` undefined: without the agent. */
async function logWith(
  endpoint: string | undefined,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<Line[]> {
  const { code, stdout, stderr } = await runProcess({
    command: node,
    args: [...(endpoint === undefined ? [] : agentFlags), scriptPath("logger.mjs"), ...args],
    env: await serviceEnv({ endpoint, env }),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

const withoutIds = ({
  trace_id: _trace,
  span_id: _span,
  trace_flags: _flags,
  pid: _pid,
  ...rest
}: Line): Line => rest;

function recordOf(logs: readonly ReceivedLog[], body: string): ReceivedLog {
  const record = logs.find((log) => log.body === body);
  if (record === undefined)
    throw new Error(`no record "${body}" among ${logs.map((log) => log.body).join(", ")}`);
  return record;
}

test("a service's own lines are what they were, with trace_id, span_id and trace_flags inside spans", async () => {
  await using receiver = await startReceiver();
  const lines = await logWith(receiver.url);
  const bare = await logWith(undefined);
  const own = (line: Line): boolean => line["trace_id"] === "own";
  // Each logger writes to standard output by itself: when that is a pipe, their lines may overtake each other, agent or not.
  const comparable = (all: readonly Line[]): string[] =>
    all
      .filter((line) => !own(line))
      .map((line) => JSON.stringify(withoutIds(line)))
      .sort();
  expect(comparable(lines)).toEqual(comparable(bare));
  expect(lines.filter(own)).toHaveLength(1);
  const [span] = receiver.spans;
  for (const line of lines.filter((candidate) => candidate["msg"] !== "outside" && !own(candidate)))
    expect(line).toMatchObject({ trace_id: span?.traceId, span_id: span?.spanId, trace_flags: "01" });
  expect(lines.find(({ msg }) => msg === "outside")).not.toHaveProperty("trace_id");
});

test("every line arrives as a log record of the same trace, with severity, message and flat attributes", async () => {
  await using receiver = await startReceiver();
  const lines = await logWith(receiver.url);
  const { logs, spans } = receiver;
  expect(logs).toHaveLength(lines.length);
  const [span] = spans;
  for (const log of logs) {
    expect(log.resource).toMatchObject({ "service.name": "under-test" });
    expect(log.scope).toBe("pino");
    const isInside = log.body !== "outside";
    expect([log.traceId, log.spanId]).toEqual(isInside ? [span?.traceId, span?.spanId] : ["", ""]);
  }
  const severities = ["trace", "debug", "info", "warn", "error", "fatal"].map((level) => {
    const { severityNumber, severityText } = recordOf(logs, `at ${level}`);
    return [severityText, severityNumber];
  });
  expect(severities).toEqual([
    ["trace", 1],
    ["debug", 5],
    ["info", 9],
    ["warn", 13],
    ["error", 17],
    ["fatal", 21],
  ]);
  expect(recordOf(logs, "at a level of its own")).toMatchObject({
    severityNumber: 11,
    severityText: "audit",
  });

  const attributesOf = (body: string) => recordOf(logs, body).attributes;
  expect(attributesOf("flat")).toEqual({ name: "plain", a: 1, b: "two", c: true });
  expect(attributesOf("nested")).toEqual({
    name: "plain",
    "user.id": 7,
    "user.tags": ["x", "y"],
    "user.list": '[{"n":1}]',
  });
  expect(attributesOf("in the object")).toEqual({ name: "plain" });
  expect(attributesOf("formatted text 3")).toEqual({ name: "plain" });
  expect(attributesOf("from a child")).toEqual({ name: "plain", requestId: "r-1", step: 2 });
  expect(attributesOf("with a mixin")).toEqual({ mixed: 1 });
  expect(attributesOf("nested under a key")).toEqual({ "payload.a": 1 });
  expect(attributesOf("formatted by a function")).toEqual({ a: 1, added: true });
  expect(attributesOf("without a base")).toEqual({});
});

test("what redaction and serializers hide stays hidden", async () => {
  await using receiver = await startReceiver();
  await logWith(receiver.url);
  expect(recordOf(receiver.logs, "redacted").attributes).toEqual({ user: "ann", password: "[Redacted]" });
  expect(recordOf(receiver.logs, "serialized").attributes).toEqual({ card: "****" });
  expect(JSON.stringify(receiver.logs)).not.toMatch(/hunter2|4111/);
});

test("an error becomes exception.type, exception.message and exception.stacktrace", async () => {
  await using receiver = await startReceiver();
  await logWith(receiver.url);
  for (const [body, more] of [
    ["nothing left", { name: "plain" }],
    ["could not order", { name: "plain", order: 9 }],
    ["other keys", {}],
  ] as const) {
    const { attributes, severityNumber } = recordOf(receiver.logs, body);
    expect(severityNumber).toBe(17);
    expect(attributes).toMatchObject({
      ...more,
      "exception.type": "OrderError",
      "exception.message": "nothing left: the truck is late",
    });
    expect(attributes["exception.stacktrace"]).toContain("logger.mjs");
    expect(
      Object.entries(attributes).some(([key, value]) => key.endsWith(".code") && value === "OUT_OF_STOCK"),
    ).toBe(true);
  }
});

test("with OTEL_LOGS_EXPORTER=none lines carry the ids and nothing is sent", async () => {
  await using receiver = await startReceiver();
  const lines = await logWith(receiver.url, { env: { OTEL_LOGS_EXPORTER: "none" } });
  expect(lines.find(({ msg }) => msg === "at trace")).toMatchObject({ trace_id: receiver.spans[0]?.traceId });
  expect(receiver.logs).toEqual([]);
  expect(receiver.requests.some(({ path }) => path === "/v1/logs")).toBe(false);
});

test("a pino that is too old to publish its lines (9.7) is treated the same", async () => {
  await using folder = await openTempDir("old-pino");
  // As the service's own installation would have it: node_modules/pino beside its script.
  const old = dirname(fileURLToPath(import.meta.resolve("pino-older/package.json")));
  mkdirSync(join(folder.path, "node_modules"));
  symlinkSync(old, join(folder.path, "node_modules", "pino"), "dir");
  symlinkSync(scriptPath("logger.mjs"), join(folder.path, "service.mjs"));
  await using receiver = await startReceiver();
  const { stdout } = await runProcess({
    command: node,
    args: [...agentFlags, join(folder.path, "service.mjs"), "--pino", folder.path],
    env: await serviceEnv({ endpoint: receiver.url }),
  });
  const lines = stdout.trim().split("\n");
  expect(lines.find((line) => line.includes("at trace"))).toContain(
    `"trace_id":"${receiver.spans[0]?.traceId}"`,
  );
  expect(receiver.logs).toHaveLength(lines.length);
  expect(recordOf(receiver.logs, "flat").attributes).toEqual({ name: "plain", a: 1, b: "two", c: true });
});
