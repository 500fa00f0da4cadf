// What the agent costs a service: CPU time per request with and without it, in pairs of rounds that take turns, so that a machine
// that changes its pace changes both. `node --conditions=quartet-source bench/agent.ts [rounds] [requests a round]`
import { fork, type ChildProcess } from "node:child_process";
import { createServer, get, Agent, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

interface Round {
  readonly cpuMicrosPerRequest: number;
  readonly rssMiB: number;
  readonly p99Ms: number;
}
interface Report {
  readonly cpuMicros: number;
  readonly rssBytes: number;
}

const concurrency = 20;
const keepAlive = new Agent({ keepAlive: true, maxSockets: concurrency });

if (process.send === undefined)
  await compare(Number(process.argv[2] ?? 8), Number(process.argv[3] ?? 10_000));
else serve(Number(process.argv[2]));

/** The service under test: one request in, one request out. */
function serve(backendPort: number): void {
  const server = createServer((_request, response) => {
    get({ host: "127.0.0.1", port: backendPort, agent: keepAlive }, (answer) => {
      answer.resume().on("end", () => response.end("answered"));
    });
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicros: user + system, rssBytes: process.memoryUsage.rss() } satisfies Report);
  });
}

async function compare(roundCount: number, requestCount: number): Promise<void> {
  const backend = await listen((_request, response) => response.end("from behind"));
  let receivedBytes = 0;
  const collector = await listen((request, response) => {
    request.on("data", (chunk: Buffer) => (receivedBytes += chunk.length)).on("end", () => response.end());
  });
  const pairs: { readonly none: Round; readonly agent: Round }[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    const none = await run({ backend, requestCount, flags: [], env: {} });
    const agent = await run({
      backend,
      requestCount,
      flags: ["--import", import.meta.resolve("@quartet/agent/register")],
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${portOf(collector)}`,
        OTEL_EXPORTER_PROMETHEUS_PORT: "0",
      },
    });
    pairs.push({ none, agent });
    process.stderr.write(`round ${round + 1} of ${roundCount}\n`);
  }
  const added = pairs.map(({ none, agent }) => agent.cpuMicrosPerRequest - none.cpuMicrosPerRequest);
  const factor = median(pairs.map(({ none, agent }) => agent.cpuMicrosPerRequest / none.cpuMicrosPerRequest));
  const row = (name: string, rounds: readonly Round[]): void => {
    const of = (key: keyof Round): string => median(rounds.map((round) => round[key])).toFixed(1);
    console.log(
      `${name.padEnd(6)} ${of("cpuMicrosPerRequest")} µs CPU/request, p99 ${of("p99Ms")} ms, RSS ${of("rssMiB")} MiB`,
    );
  };
  row(
    "none",
    pairs.map(({ none }) => none),
  );
  row(
    "agent",
    pairs.map(({ agent }) => agent),
  );
  console.log(
    `added  ${median(added).toFixed(1)} µs CPU/request (x${factor.toFixed(2)}; ${Math.min(...added).toFixed(1)} to ${Math.max(...added).toFixed(1)})`,
  );
  console.log(
    `bytes  ${(receivedBytes / roundCount / requestCount).toFixed(0)} sent to the collector a request, metrics included`,
  );
  backend.close();
  collector.close();
  keepAlive.destroy();
}

/** One process, warmed up with a third of the requests, then measured. */
async function run({
  backend,
  requestCount,
  flags,
  env,
}: {
  backend: Server;
  requestCount: number;
  flags: readonly string[];
  env: Record<string, string>;
}): Promise<Round> {
  const child = fork(fileURLToPath(import.meta.url), [String(portOf(backend))], {
    execArgv: ["--conditions=quartet-source", ...flags],
    env: { ...process.env, ...env },
  });
  try {
    const { port } = await answer<{ port: number }>(child);
    await load(port, Math.ceil(requestCount / 3));
    const before = await report(child);
    const durations = await load(port, requestCount);
    const after = await report(child);
    durations.sort((a, b) => a - b);
    return {
      cpuMicrosPerRequest: (after.cpuMicros - before.cpuMicros) / requestCount,
      rssMiB: after.rssBytes / 2 ** 20,
      p99Ms: durations[Math.floor(durations.length * 0.99)] ?? 0,
    };
  } finally {
    child.kill("SIGKILL");
  }
}

async function load(port: number, requestCount: number): Promise<number[]> {
  const durations: number[] = [];
  let left = requestCount;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const startedMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        get({ host: "127.0.0.1", port, path: "/items/1", agent: keepAlive }, (response) => {
          response.resume().on("end", resolve);
        }).on("error", reject);
      });
      durations.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return durations;
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("exit", (code) => reject(new Error(`the service ended with code ${code}`)));
  });
}

function report(child: ChildProcess): Promise<Report> {
  const answered = answer<Report>(child);
  child.send("report");
  return answered;
}

function listen(listener: Parameters<typeof createServer>[1]): Promise<Server> {
  const server = createServer(listener);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
