import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority } from "../../../packages/collector/src/config/certificates.test-kit.ts";
import { locatePart } from "../../parts/catalogue.mjs";
import { startOtelcol } from "../../parts/otelcol.ts";
import { freePort, openTempDir, runProcess } from "../../support/index.ts";

// Runs the suite against receivers of ours and against a real OpenTelemetry Collector, and writes docs/otlp-conformance.md.
// Run: npm run conformance:otlp

const root = join(import.meta.dirname, "..", "..", "..");
const corsOrigin = "https://shop.example";

interface Result {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
  readonly meta: { readonly section?: string; readonly leftOut?: string };
}

/** One run of the suite; `env` names the server. */
async function runSuite(folder: string, env: Readonly<Record<string, string>>): Promise<readonly Result[]> {
  const report = join(folder, "report.json");
  // Its exit code says that facts failed, which is what the table is for.
  await runProcess({
    name: "suite",
    command: process.execPath,
    args: [
      join(root, "node_modules", "vitest", "vitest.mjs"),
      "run",
      "test/contract/otlp/server.test.ts",
      "--reporter=json",
      `--outputFile=${report}`,
    ],
    cwd: root,
    env,
    deadlineMs: 600_000,
  });
  const { testResults } = JSON.parse(await readFile(report, "utf8")) as {
    readonly testResults: readonly { readonly assertionResults: readonly Result[] }[];
  };
  return testResults.flatMap(({ assertionResults }) => assertionResults);
}

async function runOnOtelcol(folder: string): Promise<readonly Result[]> {
  const authority = createAuthority();
  const { cert, key } = authority.issue("otelcol");
  const at = (name: string) => join(folder, name);
  await writeFile(at("cert.pem"), cert);
  await writeFile(at("key.pem"), key);
  await writeFile(at("ca.pem"), authority.cert);
  const tls = { cert_file: at("cert.pem"), key_file: at("key.pem") };
  const [tlsHttp, tlsGrpc] = [await freePort(), await freePort()];
  const pipeline = { receivers: ["otlp", "otlp/tls"], exporters: ["nop"] };
  await using otelcol = await startOtelcol({
    config: ({ otlpHttp, otlpGrpc }) => ({
      receivers: {
        otlp: {
          protocols: {
            http: { endpoint: `127.0.0.1:${otlpHttp}`, cors: { allowed_origins: [corsOrigin] } },
            grpc: { endpoint: `127.0.0.1:${otlpGrpc}` },
          },
        },
        "otlp/tls": {
          protocols: {
            http: { endpoint: `127.0.0.1:${tlsHttp}`, tls },
            grpc: { endpoint: `127.0.0.1:${tlsGrpc}`, tls },
          },
        },
      },
      exporters: { nop: {} },
      service: {
        pipelines: { traces: pipeline, logs: pipeline, metrics: pipeline },
        telemetry: { metrics: { level: "none" } },
      },
    }),
  });
  return await runSuite(folder, {
    QUARTET_OTLP_ENDPOINT: otelcol.otlpHttpUrl,
    QUARTET_OTLP_GRPC_ENDPOINT: otelcol.otlpGrpcAddress,
    QUARTET_OTLP_TLS_ENDPOINT: `https://127.0.0.1:${tlsHttp}`,
    QUARTET_OTLP_TLS_GRPC_ENDPOINT: `127.0.0.1:${tlsGrpc}`,
    QUARTET_OTLP_TLS_CA: at("ca.pem"),
    QUARTET_OTLP_CORS_ORIGIN: corsOrigin,
  });
}

/** A cell of the table: how it went, in the words of the assertion where it did not. */
function cellOf(result: Result | undefined): string {
  if (result === undefined) return "not run";
  if (result.status === "passed") return "yes";
  if (result.meta.leftOut !== undefined) return `left out: ${result.meta.leftOut}`;
  const said = (result.failureMessages[0] ?? "").split("\n")[0]!.replace(/^\w*Error: /, "");
  const text = said.length > 110 ? `${said.slice(0, 109)}…` : said;
  return `**no**: ${text.replaceAll("|", "\\|").replaceAll(/\d+\.\d+\.\d+\.\d+:\d+/g, "the server")}`;
}

function countOf(results: readonly Result[]): string {
  const count = (of: (result: Result) => boolean) => results.filter(of).length;
  const leftOut = count(({ meta }) => meta.leftOut !== undefined);
  const passed = count(({ status }) => status === "passed");
  return `${passed} of ${results.length - leftOut}${leftOut > 0 ? ` (${leftOut} left out)` : ""}`;
}

function tableOf(ours: readonly Result[], theirs: readonly Result[], version: string): string {
  const keyOf = ({ ancestorTitles, title }: Result) => [...ancestorTitles, title].join(" ");
  const theirsByKey = new Map(theirs.map((result) => [keyOf(result), result]));
  const rows = ours.map((result) => {
    const cells = [
      `${result.ancestorTitles[0]}: ${result.title}`,
      result.meta.section ?? "",
      cellOf(result),
      cellOf(theirsByKey.get(keyOf(result))),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `# OTLP conformance

The suite in \`test/contract/otlp\` asks an OTLP server from outside what the specification (1.11) and the RFCs under it
demand, and what a server on an open port needs besides. This table is what \`npm run conformance:otlp\` last wrote; it
runs the suite against receivers of Quartet (TLS, a full journal, tokens and rates each on one of its own; the journal behind
them takes everything or nothing) and against OpenTelemetry Collector ${version} with its default settings, TLS and CORS on.
Facts that a server cannot be asked without control over it are left out. Any other server:
\`QUARTET_OTLP_ENDPOINT=http://127.0.0.1:4318 QUARTET_OTLP_GRPC_ENDPOINT=127.0.0.1:4317 npx vitest run test/contract/otlp/server.test.ts\`.

Facts that hold: Quartet ${countOf(ours)}, OpenTelemetry Collector ${countOf(theirs)}.

| Fact | Demanded by | Quartet | OpenTelemetry Collector |
|---|---|---|---|
${rows.join("\n")}
`;
}

const folder = await openTempDir("conformance");
try {
  const ours = await runSuite(folder.path, {});
  const theirs = await runOnOtelcol(folder.path);
  await mkdir(join(root, "docs"), { recursive: true });
  await writeFile(
    join(root, "docs", "otlp-conformance.md"),
    tableOf(ours, theirs, locatePart("otelcol").version),
  );
  process.stdout.write(`Quartet ${countOf(ours)}; OpenTelemetry Collector ${countOf(theirs)}\n`);
} finally {
  await folder.remove();
}
