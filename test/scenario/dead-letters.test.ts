import { createServer } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort, openTempDir, until } from "../support/index.ts";
import { decodeSpans } from "./journal-spans.ts";
import { runQuartet, startCollector } from "./quartet.ts";
import { newTraceId, sendSpans } from "./spans.ts";

/** A back end of OTLP/HTTP that answers 400 to a request with a span called "bad", until it is told to take it. */
async function startPickyBackEnd(): Promise<
  AsyncDisposable & { readonly url: string; readonly names: string[]; takesAll: boolean }
> {
  const port = await freePort();
  const backEnd = {
    url: `http://127.0.0.1:${port}`,
    names: [] as string[],
    takesAll: false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const names = Array.from(decodeSpans(Buffer.concat(chunks)), ({ name }) => name);
      const isRefused = names.includes("bad") && !backEnd.takesAll;
      if (!isRefused) backEnd.names.push(...names);
      response.writeHead(isRefused ? 400 : 200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return backEnd;
}

test("what a back end refuses is listed with its reason while the collector runs, and a replay brings it there once it is wanted", async () => {
  await using folder = await openTempDir("dead-letters");
  await using backEnd = await startPickyBackEnd();
  const dataDir = join(folder.path, "data");
  const start = () =>
    startCollector({
      dataDir,
      config: { export: { picky: { type: "otlp_http", endpoint: backEnd.url, signals: ["traces"] } } },
    });
  const journal = (...args: string[]) => runQuartet(["collector", "journal", ...args, "--data-dir", dataDir]);
  const id = "export.picky.traces/spans/0";
  {
    await using collector = await start();
    for (const name of ["good", "bad", "good too"]) {
      const span = {
        traceId: newTraceId(),
        service: "s",
        kind: "server",
        endMs: Date.now(),
        durationMs: 1,
      } as const;
      expect(await sendSpans(collector.otlpUrl, [{ ...span, name }])).toBe(200);
    }
    await until(() => backEnd.names.length === 2, { deadlineMs: 30_000, what: "both good spans to arrive" });
    const listed = await until(
      async () => {
        const { stdout } = await journal("list", "--output", "json");
        const { deadLetters } = JSON.parse(stdout) as {
          deadLetters: { id: string; reason: string; offset: number }[];
        };
        return deadLetters.length > 0 && deadLetters;
      },
      { deadlineMs: 30_000, what: "the dead letter to be listed" },
    );
    expect(listed).toMatchObject([{ id, reason: "refused", offset: 1 }]);
    const refused = await journal("replay", id);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`in use by process ${collector.pid}`);
  }
  const replayed = await journal("replay", id);
  expect({ code: replayed.code, stdout: replayed.stdout }).toEqual({ code: 0, stdout: `replayed ${id}\n` });
  backEnd.takesAll = true;
  await using again = await start();
  await until(() => backEnd.names.includes("bad"), {
    deadlineMs: 30_000,
    what: "the replayed span to arrive",
  });
  expect(backEnd.names.toSorted()).toEqual(["bad", "good", "good too"]);
  expect(await again.query("sum(traces_span_metrics_calls_total)")).toMatchObject([{ value: 3 }]);
  expect((await journal("list")).stdout).toContain("no dead letters");
});
