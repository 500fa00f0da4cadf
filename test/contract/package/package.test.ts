import { globSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, startCollector, type QuartetCommand, type StartedCollector } from "../../scenario/quartet.ts";
import { startService } from "../../scenario/service.ts";
import { openTempDir, runProcess, startProcess, until, type StartedProcess } from "../../support/index.ts";
import { installTarballs, packTarballs } from "./install.ts";

const stack = new AsyncDisposableStack();
/** Where somebody's service lives: only what the tarballs brought is there. */
let folder: string;
let quartet: QuartetCommand;

beforeAll(async () => {
  const packed = stack.use(await openTempDir("packed"));
  folder = stack.use(await openTempDir("installed")).path;
  const tarballs = await packTarballs(root, packed.path);
  await installTarballs({ root, folder, tarballs });
  // What npx does: it runs the bin that npm linked.
  quartet = { command: process.execPath, args: [join(folder, "node_modules", ".bin", "quartet")] };
}, 300_000);
afterAll(async () => {
  await stack.disposeAsync();
});

describe.each(["agent", "collector", "installer"])("the tarball of %s", (name) => {
  const files = (): string[] =>
    globSync("**/*", { cwd: installed(name), withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes(join(installed(name), "node_modules")))
      .map((entry) => join(entry.parentPath, entry.name).slice(installed(name).length + 1));

  test("holds built code, README and LICENSE, and no sources, tests or maps", () => {
    expect(files()).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE"]));
    const strange = files().filter(
      (file) => !/^(dist|bin)\//.test(file) && !["package.json", "README.md", "LICENSE"].includes(file),
    );
    expect(strange).toEqual([]);
    const unwanted = files().filter(
      (file) =>
        (/\.(ts|mts|cts)$/.test(file) && !file.endsWith(".d.ts")) ||
        /\.test[.-]|(^|\/)test-|\.map$|tsbuildinfo/.test(file),
    );
    expect(unwanted).toEqual([]);
    expect(files().filter((file) => file.endsWith(".js")).length).toBeGreaterThan(3);
  });

  test("imports no source and points to no map", () => {
    const broken = files()
      .filter((file) => file.endsWith(".js"))
      .filter((file) => {
        const text = readFileSync(join(installed(name), file), "utf8");
        return /(from|import\()\s*"\.[^"]*\.ts"|sourceMappingURL/.test(text);
      });
    expect(broken).toEqual([]);
  });

  test("is fit for publishing, says publint", async () => {
    const publint = join(root, "node_modules", "publint", "src", "cli.js");
    const result = await runProcess({
      name: "publint",
      command: process.execPath,
      args: [publint, "--strict", installed(name)],
      cwd: folder,
    });
    expect(result).toMatchObject({ code: 0 });
  });
});

test("a service in TypeScript finds the agent's types", async () => {
  const program = `import { startAgent } from "@quartet/agent";
startAgent();
// @ts-expect-error: without types it would be anything, and this no mistake.
const wrong: number = startAgent();
`;
  await writeFile(join(folder, "typed.mts"), program);
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags =
    "--noEmit --strict --module nodenext --target esnext --skipLibCheck --ignoreConfig --types node";
  const typeRoots = join(root, "node_modules", "@types");
  const result = await runProcess({
    name: "tsc",
    command: process.execPath,
    args: [tsc, ...flags.split(" "), "--typeRoots", typeRoots, "typed.mts"],
    cwd: folder,
    deadlineMs: 60_000,
  });
  expect(result).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
});

test("quartet --version prints the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(installed("installer"), "package.json"), "utf8")) as {
    version: string;
  };
  const { code, stdout, stderr } = await runProcess({
    command: quartet.command,
    args: [...quartet.args, "--version"],
    cwd: folder,
  });
  expect([code, stdout, stderr]).toEqual([0, `${version}\n`, ""]);
});

const rules = `
groups:
  - name: installed
    interval: 1s
    rules:
      - alert: Failing
        expr: sum by (service_name) (traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR"}) > 0
`;

/** As people write services: fastify, one route that works and one that fails. */
const service = {
  "server.cjs": `const { fastify } = require("fastify");
const server = fastify();
server.get("/works", async () => "yes");
server.get("/fails", async () => { throw new Error("broken on purpose"); });
server.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
`,
  "server.mjs": `import { fastify } from "fastify";
const server = fastify();
server.get("/works", async () => "yes");
server.get("/fails", async () => { throw new Error("broken on purpose"); });
await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
`,
} as const;

describe("run from the installation", () => {
  const running = new AsyncDisposableStack();
  let inbox: StartedProcess;
  let inboxUrl: string;
  let collector: StartedCollector;
  beforeAll(async () => {
    for (const [file, text] of Object.entries(service)) await writeFile(join(folder, file), text);
    inbox = running.use(
      await startProcess({
        name: "inbox",
        command: quartet.command,
        args: [...quartet.args, "inbox", "--port", "0"],
        cwd: folder,
        ready: { line: "inbox: send webhooks to" },
      }),
    );
    inboxUrl = /look at (\S+)/.exec(inbox.stdout())?.[1] ?? "";
    collector = running.use(
      await startCollector({
        quartet,
        rules,
        config: { notify: { webhook: `${inboxUrl}/` } },
      }),
    );
  });
  afterAll(async () => {
    await running.disposeAsync();
  });

  test.each([
    ["a CommonJS service", "server.cjs"],
    ["an ES module service", "server.mjs"],
  ] as const)(
    "%s needs no more than --import: its spans, its metrics and its alert arrive",
    async (_name, script) => {
      const name = script.replace(".", "-");
      await using started = await startService({
        name,
        script: `./${script}`,
        cwd: folder,
        flags: [],
        otlpUrl: collector.otlpUrl,
      });
      expect((await fetch(`${started.url}/works`)).status).toBe(200);
      expect((await fetch(`${started.url}/fails`)).status).toBe(500);
      await until(
        async () => {
          const calls = await collector.query(
            `traces_span_metrics_calls_total{service_name="${name}",span_name=~"GET /(works|fails)"}`,
          );
          expect(
            Object.fromEntries(
              calls.map(({ labels, value }) => [`${labels["span_name"]} ${labels["status_code"]}`, value]),
            ),
          ).toEqual({ "GET /fails STATUS_CODE_ERROR": 1, "GET /works STATUS_CODE_UNSET": 1 });
          return true;
        },
        { deadlineMs: 30_000, what: "both requests as series" },
      );
      const alert = await until(
        async () => {
          const { alerts } = (await (await fetch(`${inboxUrl}/api/alerts`)).json()) as {
            alerts: readonly { status: string; labels: Record<string, string>; traces: readonly unknown[] }[];
          };
          return alerts.find(({ labels }) => labels["service_name"] === name);
        },
        { deadlineMs: 30_000, what: "the alert in the inbox" },
      );
      expect(alert).toMatchObject({ status: "firing", labels: { alertname: "Failing", service_name: name } });
      expect(inbox.stdout()).toMatch(new RegExp(`FIRING\\s+Failing[^]*service_name=${name}`));
      const metrics = await (await fetch(`${started.adminUrl}/metrics`)).text();
      expect(metrics).toMatch(
        /^http_server_request_duration_seconds_count\{[^}]*http_route="\/works"[^}]*\} 1$/m,
      );
      expect((await fetch(`${started.adminUrl}/livez`)).status).toBe(200);
    },
  );

  test("one of the traces is served by the API", async () => {
    const { alerts } = (await (await fetch(`${inboxUrl}/api/alerts`)).json()) as {
      alerts: readonly { traces: readonly { traceId: string }[] }[];
    };
    const traceId = alerts[0]?.traces[0]?.traceId;
    const answer = await fetch(`${collector.apiUrl}/api/v3/traces/${traceId}`);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("GET /fails")]);
  });

  test("SIGTERM ends collector and inbox within 10 s, with exit code 0", async () => {
    const beganMs = performance.now();
    expect(await Promise.all([collector.stop(), inbox.stop({ graceMs: 20_000 })])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });
});

function installed(name: string): string {
  return join(folder, "node_modules", "@quartet", name);
}
