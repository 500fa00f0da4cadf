import { setTimeout as sleep } from "node:timers/promises";
import { connectCluster, describeObject, removeInstallation, type Removal } from "../cluster/index.ts";
import { namespaceDefault } from "../manifest/index.ts";
import { createProgress, InstallerError } from "../output/index.ts";
import type { Command } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { clusterOptions, clusterUsage, parseOutput, parseTimeoutMs } from "./install-flags.ts";

/** `quartet uninstall`: nothing is left but data, and not that when asked. */
export const uninstallCommand: Command = {
  name: "uninstall",
  summary: "remove the stack from a Kubernetes cluster",
  usage: `quartet uninstall [--namespace NAME] [--delete-data] [flags]

Removes everything that install made, waits until it is gone and looks through every kind of object for leftovers. The volumes
stay, with the claims that hold them and the namespace that the claims are in; install finds them again.

  --namespace NAME         namespace of the installation (default quartet)
  --delete-data            delete the volumes and the namespace as well
${clusterUsage}  --timeout TIME           how long to wait until everything is gone (default 5m)
  --output table|json      json: progress goes to stderr, one summary to stdout (default table)
`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      namespace: { type: "string", default: namespaceDefault },
      "delete-data": { type: "boolean", default: false },
      ...clusterOptions,
      timeout: { type: "string", default: "5m" },
      output: { type: "string", default: "table" },
    });
    const output = parseOutput(values.output);
    const deadlineMs = performance.now() + parseTimeoutMs(values.timeout);
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
      const removal = await removeInstallation(client, {
        instance: values.namespace,
        deletesData: values["delete-data"],
        deadlineMs,
        nowMs: () => performance.now(),
        sleep: (ms) => sleep(ms, undefined),
        onDeleted: (object) => progress.line(`deleted     ${describeObject(object)}`),
        onWaiting: (left) => progress.status(`waiting     until ${left.length} more objects are gone`),
      });
      progress.end();
      io.stdout.write(output === "json" ? `${JSON.stringify(summarize(removal))}\n` : describe(removal));
      assertGone(removal);
      return 0;
    } finally {
      progress.end();
      await client.close();
    }
  },
};

function summarize(removal: Removal): Readonly<Record<string, unknown>> {
  const names = (objects: Removal["deleted"]): readonly string[] => objects.map(describeObject);
  return {
    deleted: names(removal.deleted),
    kept: names(removal.kept),
    foreign: names(removal.foreign),
    retainedVolumes: removal.retainedVolumes,
    leftovers: names(removal.leftovers),
  };
}

function describe(removal: Removal): string {
  const { deleted, kept, retainedVolumes } = removal;
  const lines = [deleted.length === 0 ? "there was nothing to remove" : `${deleted.length} objects removed`];
  if (kept.length > 0) {
    lines.push(
      "kept, because it is data (--delete-data deletes it too):",
      ...kept.map((object) => `  ${describeObject(object)}`),
    );
  }
  if (retainedVolumes.length > 0) {
    lines.push(
      "kept by their reclaim policy Retain, for their administrator to delete:",
      ...retainedVolumes.map((name) => `  PersistentVolume ${name}`),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** @throws InstallerError QUARTET_LEFTOVERS when a namespace had to stay for somebody else's objects, or the last scan found any. */
function assertGone({ foreign, leftovers }: Removal): void {
  if (foreign.length > 0) {
    throw new InstallerError(
      "QUARTET_LEFTOVERS",
      `a namespace stays, because it holds what Quartet did not make; move or delete it and run uninstall again:\n${list(foreign)}`,
    );
  }
  if (leftovers.length > 0) {
    throw new InstallerError("QUARTET_LEFTOVERS", `these are left:\n${list(leftovers)}`);
  }
}

function list(objects: Removal["deleted"]): string {
  return objects.map((object) => `  ${describeObject(object)}`).join("\n");
}
