import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countJournaledItems } from "../../packages/collector/src/journal/index.ts";
import { openTempDir, type TempDir } from "../support/index.ts";
import { runQuartet, startCollector, type StartedCollector } from "./quartet.ts";

/** A line such as "    at main (file:1:2)". */
const stackTrace = /^\s+at .+:\d+:\d+\)?$/m;

let folder: TempDir;
beforeAll(async () => {
  folder = await openTempDir("bad-input");
});
afterAll(async () => {
  await folder.remove();
});

/** Rule files are read when the listeners are open already, and the documented ports may be somebody else's. */
const anyPorts = `receive: { otlp: { listen: ["127.0.0.1:0"] } }\napi: { listen: "127.0.0.1:0" }\n`;

let configCount = 0;
/** Runs `quartet collector` on a configuration, in a folder of its own that holds `files` too. */
async function runCollectorOn(config: string, files: Readonly<Record<string, string>> = {}) {
  configCount += 1;
  const cwd = join(folder.path, String(configCount));
  await mkdir(cwd);
  for (const [name, text] of Object.entries({ ...files, "quartet.yaml": config }))
    await writeFile(join(cwd, name), text);
  return runQuartet(["collector", "--config", "quartet.yaml", "--data-dir", "data"], {
    cwd,
    deadlineMs: 60_000,
  });
}

describe("a broken configuration ends with 2 and names the place", () => {
  test("an unknown key: file, line, column and the nearest known key", async () => {
    const { code, stderr } = await runCollectorOn("receive:\n  otlp:\n    listn: []\n");
    expect(stderr).toContain("quartet.yaml:3:5: receive.otlp.listn: unknown key; did you mean listen?");
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });

  test("a file that is not there is named", async () => {
    const { code, stderr } = await runQuartet(["collector", "--config", "nowhere.yaml"], {
      cwd: folder.path,
    });
    expect(stderr).toContain(join(folder.path, "nowhere.yaml"));
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });

  test("an address beyond loopback without a token says what to add", async () => {
    const { code, stderr } = await runCollectorOn("api: { listen: '0.0.0.0:0' }\n");
    expect(stderr).toMatch(/quartet\.yaml:1:\d+: api\.listen: .*tokens_file.*--insecure/);
    expect(code).toBe(2);
  });

  test("a rule file that is not there is named with its key", async () => {
    const { code, stderr } = await runCollectorOn(`${anyPorts}rules:\n  files: [nothing/rules.yaml]\n`);
    expect(stderr).toMatch(/rules\.files: .*nothing\/rules\.yaml/);
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });

  test("a rule whose expression does not parse is named with file and line", async () => {
    const rules = `groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(rate(x[5m])\n`;
    const config = `${anyPorts}rules: { files: [rules.yaml] }\n`;
    const { code, stderr } = await runCollectorOn(config, { "rules.yaml": rules });
    expect(stderr).toMatch(/rules\.yaml:5:\d+: /);
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });
});

describe("a wrong command line ends with 2 and names the nearest word", () => {
  test.each([
    [["colector"], "unknown command colector; did you mean collector?"],
    [["collector", "--confg", "x"], "unknown flag --confg; did you mean --config?"],
    [["inbox", "--prot", "1"], "unknown flag --prot; did you mean --port?"],
    [["up", "--demmo"], "unknown flag --demmo; did you mean --demo?"],
    [["inbox", "--port", "http"], `--port: "http" is no port`],
    [["up", "--demo", "--healthy-for", "soon"], "--healthy-for"],
  ])("quartet %j", async (args, message) => {
    const { code, stderr } = await runQuartet(args, { cwd: folder.path });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });
});

describe("a port in use is named with what moves it, and ends with 1", () => {
  let taken: Server;
  let port: number;
  beforeAll(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => void taken.listen({ port: 0, host: "127.0.0.1" }, resolve));
    const address = taken.address();
    if (address === null || typeof address === "string") throw new Error("listening without a port");
    port = address.port;
  });
  afterAll(async () => {
    await new Promise((resolve) => taken.close(resolve));
  });

  test("receive.otlp.listen", async () => {
    const { code, stderr } = await runCollectorOn(
      `receive: { otlp: { listen: ["127.0.0.1:${port}"] } }\napi: { listen: "127.0.0.1:0" }\n`,
    );
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain("receive.otlp.listen");
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(1);
  });

  test("api.listen", async () => {
    const { code, stderr } = await runCollectorOn(
      `receive: { otlp: { listen: ["127.0.0.1:0"] } }\napi: { listen: "127.0.0.1:${port}" }\n`,
    );
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain("api.listen");
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(1);
  });

  test("the inbox's --port", async () => {
    const { code, stderr } = await runQuartet(["inbox", "--port", String(port)]);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is in use: choose another with --port`);
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(1);
  });
});

describe("a broken OTLP body", () => {
  let collector: StartedCollector;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(async () => {
    expect(await collector?.stop()).toEqual({ code: 0, signal: null });
  });

  const send = (body: string | Uint8Array<ArrayBuffer>, contentType: string, path = "/v1/traces") =>
    fetch(`${collector.otlpUrl}${path}`, {
      method: "POST",
      headers: { "content-type": contentType },
      body,
    });
  const journaled = () => countJournaledItems({ dataDir: collector.dataDir, stream: "spans" });

  test("of protobuf is answered 400 with a Status in protobuf, and nothing changes", async () => {
    // Field 1, two bytes long, of which one is missing.
    const answer = await send(new Uint8Array([0x0a, 0x02, 0x01]), "application/x-protobuf");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([400, "application/x-protobuf"]);
    const status = statusMessage(new Uint8Array(await answer.arrayBuffer()));
    expect(status.length).toBeGreaterThan(10);
    expect(journaled()).toBe(0);
  });

  test.each([
    ["that is no JSON", `{"resourceSpans": [`],
    ["whose trace id is no id", JSON.stringify(traceOf("not hexadecimal"))],
  ])("of JSON %s is answered 400 with a Status in JSON, and nothing changes", async (_name, body) => {
    const answer = await send(body, "application/json");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      400,
      expect.stringMatching(/^application\/json/),
    ]);
    expect(await answer.json()).toMatchObject({ message: expect.stringMatching(/\w{4}/) as string });
    expect(journaled()).toBe(0);
  });

  test("leaves no series behind, and a good body is still taken", async () => {
    expect(await collector.query("traces_span_metrics_calls_total")).toEqual([]);
    const answer = await send(
      JSON.stringify(traceOf("0af7651916cd43dd8448eb211c80319c")),
      "application/json",
    );
    expect(answer.status).toBe(200);
    expect(journaled()).toBe(1);
  });
});

function traceOf(traceId: string): object {
  const span = {
    traceId,
    spanId: "b7ad6b7169203331",
    name: "GET /",
    kind: 2,
    startTimeUnixNano: "1",
    endTimeUnixNano: "2",
  };
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}

/** google.rpc.Status in protobuf: field 2 is the message, as a string shorter than 128 bytes or longer. */
function statusMessage(bytes: Uint8Array): string {
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!;
    let length = 0;
    let shift = 0;
    do {
      at += 1;
      length += (bytes[at]! & 0x7f) << shift;
      shift += 7;
    } while (bytes[at]! >= 0x80);
    at += 1;
    if (tag === 0x12) return new TextDecoder().decode(bytes.subarray(at, at + length));
    // Field 1, the code, is a varint that has just been read.
    if (tag !== 0x08) at += length;
  }
  throw new Error("a Status without a message");
}
