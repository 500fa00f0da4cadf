import { setTimeout as sleep } from "node:timers/promises";
import { formatFinding, preflightChecks, runChecks } from "../check/index.ts";
import {
  applyPlan,
  assertPlan,
  connectCluster,
  deleteObject,
  describeObject,
  findObsolete,
  planObjects,
  waitUntilReady,
  type ClusterClient,
} from "../cluster/index.ts";
import { buildManifest, isWorkload, type InstallSettings, type Wave } from "../manifest/index.ts";
import { createProgress, InstallerError, type Progress } from "../output/index.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { readCredentials } from "./install-credentials.ts";
import {
  clusterOptions,
  clusterUsage,
  manifestOptions,
  manifestUsage,
  parseManifestFlags,
  parseOutput,
  parseTimeoutMs,
} from "./install-flags.ts";
import { formatInstructions } from "./install-instructions.ts";
import { assertReady, describeWaiting } from "./install-waiting.ts";
import { readVersion } from "./version.ts";

/** How long an image that cannot be pulled may stay so: a registry may stumble. */
const hopelessGraceMs = 60_000;

/** What one run did; `--output json` prints it. */
interface InstallSummary {
  readonly objects: number;
  readonly created: number;
  readonly configured: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly requests: { readonly reads: number; readonly dryRuns: number; readonly writes: number };
  readonly readyAfterMs: number;
}

/** `quartet install`: the whole stack into a cluster. */
export const installCommand: Command = {
  name: "install",
  summary: "install the stack into a Kubernetes cluster",
  usage: `quartet install [flags]

Installs the collector, Prometheus, Jaeger, Elasticsearch, Fluent Bit and Kibana, and waits until they are ready. Running it
again brings the cluster to what the flags say, and writes nothing where it is so already.

${manifestUsage}${clusterUsage}  --timeout TIME           how long to wait until everything is ready (default 10m)
  --skip-checks            do not check the cluster first
  --force-conflicts        take over fields that others have changed; without it they are listed and nothing is written
  --output table|json      json: progress goes to stderr, one summary to stdout (default table)
`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      ...manifestOptions,
      ...clusterOptions,
      timeout: { type: "string", default: "10m" },
      "skip-checks": { type: "boolean", default: false },
      "force-conflicts": { type: "boolean", default: false },
      output: { type: "string", default: "table" },
    });
    const output = parseOutput(values.output);
    const timeoutMs = parseTimeoutMs(values.timeout);
    const settings = parseManifestFlags(values, readVersion());
    const client = await connectCluster({
      kubeconfig: values.kubeconfig,
      context: values.context,
      env: io.env,
      signal: io.signal,
    });
    const progress = createProgress({
      stream: output === "json" ? io.stderr : io.stdout,
      isTty: io.isTty && output === "table",
    });
    try {
      if (!values["skip-checks"]) await assertChecks(client, settings, { progress, io });
      const summary = await install(client, settings, {
        progress,
        io,
        timeoutMs,
        isForced: values["force-conflicts"],
      });
      io.stdout.write(
        output === "json"
          ? `${JSON.stringify(summary)}\n`
          : `${describe(summary)}\n\n${formatInstructions(settings)}`,
      );
      return 0;
    } catch (error) {
      progress.end();
      if (io.signal.aborted) io.stderr.write("quartet: stopped; running install again goes on from here\n");
      throw error;
    } finally {
      progress.end();
      await client.close();
    }
  },
};

interface Run {
  readonly progress: Progress;
  readonly io: CommandIo;
}

async function assertChecks(client: ClusterClient, settings: InstallSettings, run: Run): Promise<void> {
  const results = await runChecks(preflightChecks(client, settings), clockOf(run.io));
  const findings = results.filter(({ kind }) => kind === "found");
  const fatal = findings.filter(({ check }) => check.severity === "fatal");
  for (const finding of findings.filter(({ check }) => check.severity === "warning")) {
    run.progress.line(formatFinding(finding));
  }
  if (fatal.length === 0) return;
  throw new InstallerError(
    "QUARTET_CHECK_FAILED",
    `the cluster at ${client.target.address} is not ready for Quartet, nothing was written:\n${fatal.map(formatFinding).join("\n")}`,
  );
}

async function install(
  client: ClusterClient,
  settings: InstallSettings,
  run: Run & { readonly timeoutMs: number; readonly isForced: boolean },
): Promise<InstallSummary> {
  const { progress, isForced } = run;
  const startMs = performance.now();
  const { credentials } = await readCredentials(client, settings.namespace);
  const waves = buildManifest({ settings, credentials });
  const objects = waves.flatMap((wave) => wave.objects);
  const options = { instance: settings.namespace, isForced };
  // All at once before the first write: a conflict in the last wave must not leave half an installation.
  const plan = await planObjects(client, objects, options);
  assertPlan(plan);
  const count = { created: 0, configured: 0 };
  const deadlineMs = performance.now() + run.timeoutMs;
  for (const wave of waves) {
    const planned = plan.filter(({ object }) => wave.objects.includes(object));
    await applyPlan(client, planned, {
      isForced,
      onApplied: ({ object, kind, warnings }) => {
        count[kind] += 1;
        progress.line(`${kind.padEnd(10)}  ${describeObject(object)}`);
        for (const warning of warnings) progress.line(`warning     ${describeObject(object)}: ${warning}`);
      },
    });
    await waitForWave(client, wave, { ...run, deadlineMs });
  }
  const obsolete = await findObsolete(client, objects, settings.namespace);
  for (const object of obsolete) {
    if (await deleteObject(client, object)) progress.line(`deleted     ${describeObject(object)}`);
  }
  return {
    objects: objects.length,
    ...count,
    unchanged: objects.length - count.created - count.configured,
    deleted: obsolete.length,
    requests: client.counts(),
    readyAfterMs: Math.round(performance.now() - startMs),
  };
}

async function waitForWave(
  client: ClusterClient,
  wave: Wave,
  run: Run & { readonly deadlineMs: number },
): Promise<void> {
  const workloads = wave.objects.filter(isWorkload);
  if (workloads.length === 0) return;
  const shown = new Set<string>();
  const result = await waitUntilReady(client, workloads, {
    ...clockOf(run.io),
    deadlineMs: run.deadlineMs,
    hopelessGraceMs,
    onProgress: (all) => {
      for (const one of all) {
        const name = describeObject(one.workload);
        if (!one.isReady || shown.has(name)) continue;
        shown.add(name);
        run.progress.line(`ready       ${name}`);
      }
      const waiting = describeWaiting(all);
      if (waiting !== undefined) run.progress.status(waiting);
    },
  });
  run.progress.end();
  assertReady(result);
}

function clockOf(io: CommandIo): { nowMs: () => number; sleep: (ms: number) => Promise<void> } {
  return {
    nowMs: () => performance.now(),
    sleep: async (ms) => {
      try {
        await sleep(ms, undefined, { signal: io.signal });
      } catch (error) {
        // Node wraps the reason; main.ts knows its own by identity.
        io.signal.throwIfAborted();
        throw error;
      }
    },
  };
}

function describe(summary: InstallSummary): string {
  const { objects, created, configured, unchanged, deleted, readyAfterMs } = summary;
  const parts = [
    `${created} created`,
    `${configured} configured`,
    ...(deleted > 0 ? [`${deleted} deleted`] : []),
    `${unchanged} unchanged`,
  ];
  return `${objects} objects: ${parts.join(", ")}; everything is ready after ${(readyAfterMs / 1000).toFixed(1)} s`;
}
