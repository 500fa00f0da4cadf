import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runQuartet } from "../scenario/quartet.ts";
import { freePort, openTempDir, type TempDir } from "../support/index.ts";

/** A line such as "    at main (file:1:2)". */
const stackTrace = /^\s+at .+:\d+:\d+\)?$/m;

let folder: TempDir;
beforeAll(async () => {
  folder = await openTempDir("usage");
});
afterAll(async () => {
  await folder.remove();
});

async function writeKubeconfig(server: string): Promise<string> {
  const file = join(folder.path, "kubeconfig");
  const config = {
    "current-context": "far-away",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "far-away", context: { cluster: "c", user: "u" } }],
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Nothing of the user's own: no kubeconfig of the machine may be found. */
function run(...args: readonly string[]): ReturnType<typeof runQuartet> {
  const env = { KUBECONFIG: undefined, HOME: folder.path, USERPROFILE: folder.path };
  return runQuartet(args, { env, deadlineMs: 60_000 });
}

describe("mistakes about the cluster end in one message and no stack trace", () => {
  test.each(["install", "uninstall"])(
    "%s: an unreachable cluster is named by kubeconfig, context and address",
    async (command) => {
      const address = `https://127.0.0.1:${await freePort()}`;
      const kubeconfig = await writeKubeconfig(address);
      const { code, stdout, stderr } = await run(command, "--kubeconfig", kubeconfig);
      expect(stderr).toContain(
        `cannot reach the Kubernetes API at ${address} (context far-away of ${kubeconfig})`,
      );
      expect(stderr).not.toMatch(stackTrace);
      expect([code, stdout]).toEqual([1, ""]);
    },
  );

  test("no kubeconfig at all: what was looked for, exit 2", async () => {
    const { code, stderr } = await run("install");
    expect(stderr).toContain(
      `looked for --kubeconfig, the variable KUBECONFIG and ${join(folder.path, ".kube", "config")}`,
    );
    expect(stderr).not.toMatch(stackTrace);
    expect(code).toBe(2);
  });

  test("an unknown context: the nearest one, exit 2", async () => {
    const kubeconfig = await writeKubeconfig("https://127.0.0.1:1");
    const { code, stderr } = await run("install", "--kubeconfig", kubeconfig, "--context", "far-way");
    expect(stderr).toContain("has no context far-way; did you mean far-away?");
    expect(code).toBe(2);
  });

  test("an unknown flag: the nearest one, exit 2", async () => {
    const { code, stderr } = await run("install", "--kubeconfg", "x");
    expect(stderr).toContain("unknown flag --kubeconfg; did you mean --kubeconfig?");
    expect(code).toBe(2);
  });
});

test("render and images need no cluster", async () => {
  const rendered = await run("render");
  expect([rendered.code, rendered.stderr, rendered.stdout.startsWith("---\napiVersion: v1\n")]).toEqual([
    0,
    "",
    true,
  ]);
  const images = await run("images", "--output", "json");
  expect([images.code, (JSON.parse(images.stdout) as unknown[]).length]).toEqual([0, 6]);
});
