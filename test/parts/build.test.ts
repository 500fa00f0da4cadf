import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openTempDir, runProcess, startProcess, until, type TempDir } from "../support/index.ts";
import { prepareParts } from "./build.mjs";
import { goPartNames, locatePart, mavenPartNames, missingReason, pythonPartNames } from "./catalogue.mjs";

const script = fileURLToPath(new URL("./build.mjs", import.meta.url));

/** A folder with a cache and, on the PATH, a `go` that notes its builds and does `build` with the output's path in $out. */
async function openBench(
  build: string,
): Promise<{ folder: TempDir; env: NodeJS.ProcessEnv; cache: string; builds: () => Promise<number> }> {
  const folder = await openTempDir("parts");
  const [bin, cache, notes] = [
    join(folder.path, "bin"),
    join(folder.path, "cache"),
    join(folder.path, "notes"),
  ];
  await mkdir(bin);
  const go = `#!/bin/sh
[ "$1" = build ] || exit 0
echo "$$" >> '${notes}'
while [ "$1" != -o ]; do shift; done
out=$2
mkdir -p "$(dirname "$out")"
${build}
`;
  await writeFile(join(bin, "go"), go);
  await chmod(join(bin, "go"), 0o755);
  const env = { ...process.env, PATH: `${bin}:/usr/bin:/bin`, QUARTET_PARTS_DIR: cache };
  const builds = async (): Promise<number> =>
    existsSync(notes) ? (await readFile(notes, "utf8")).trim().split("\n").length : 0;
  return { folder, env, cache, builds };
}

const program = `printf '#!/bin/sh\\necho whole\\n' > "$out"; chmod +x "$out"`;

describe.skipIf(process.platform === "win32")("preparing the parts", () => {
  test("without go, mvn and python3 every part of theirs is missing with that reason, and nothing throws", async () => {
    await using folder = await openTempDir("parts");
    const lines: string[] = [];
    const env = {
      PATH: folder.path,
      QUARTET_PARTS_DIR: join(folder.path, "cache"),
      CHROMIUM: process.execPath,
    };
    const parts = await prepareParts({ env, log: (line) => lines.push(line) });
    expect(parts.map(({ name, state }) => [name, state])).toEqual([
      ...[...mavenPartNames, ...pythonPartNames, ...goPartNames].map((name) => [name, "missing"]),
      ["chromium", "cached"],
    ]);
    expect(lines).toHaveLength(parts.length);
    expect(lines.find((line) => line.startsWith("etcd v3."))).toMatch(/missing: Go is not installed/);
    expect(missingReason("etcd", env)).toMatch(/Go is not installed/);
    expect(missingReason("opensearch", env)).toMatch(/Maven is not installed/);
    expect(missingReason("python-client", env)).toMatch(/Python is not installed/);
  });

  test("a part is built once: the second run finds it, under a changed HOME as well", async () => {
    const bench = await openBench(program);
    await using _ = bench.folder;
    const first = await prepareParts({ env: bench.env, names: ["etcd"], log: () => undefined });
    expect(first).toMatchObject([{ name: "etcd", state: "built" }]);
    const again = await prepareParts({
      env: { ...bench.env, HOME: "/nowhere" },
      names: ["etcd"],
      log: () => undefined,
    });
    expect(again).toMatchObject([{ name: "etcd", state: "cached" }]);
    expect(await bench.builds()).toBe(1);
    expect(missingReason("etcd", bench.env)).toBeUndefined();
    const { dir } = locatePart("etcd", bench.env);
    expect(await readdir(bench.cache)).toEqual([dir.slice(bench.cache.length + 1)]);
  });

  test("two runs at once build once, and both have the part", async () => {
    const bench = await openBench(`sleep 1; ${program}`);
    await using _ = bench.folder;
    const run = (): ReturnType<typeof runProcess> =>
      runProcess({ command: process.execPath, args: [script, "etcd"], env: bench.env });
    const outputs = (await Promise.all([run(), run()])).map(
      ({ code, stdout }) => `${code} ${/built|cached/.exec(stdout)?.[0]}`,
    );
    expect(new Set(outputs)).toEqual(new Set(["0 built", "0 cached"]));
    expect(await bench.builds()).toBe(1);
  });

  test("a failing build is missing with the compiler's last lines, and tried again", async () => {
    const bench = await openBench(
      `[ -e "$QUARTET_PARTS_DIR/../mended" ] || { echo 'x.go:1: no such thing' >&2; exit 1; }; ${program}`,
    );
    await using _ = bench.folder;
    const parts = await prepareParts({
      env: bench.env,
      names: ["etcd", "telemetrygen"],
      log: () => undefined,
    });
    expect(parts).toMatchObject([
      {
        name: "telemetrygen",
        state: "missing",
        reason: "go build ended with exit code 1: x.go:1: no such thing",
      },
      { name: "etcd", state: "missing" },
    ]);
    expect(missingReason("etcd", bench.env)).toMatch(/x\.go:1: no such thing/);
    await writeFile(join(bench.folder.path, "mended"), "");
    await prepareParts({ env: bench.env, names: ["etcd"], log: () => undefined });
    expect(missingReason("etcd", bench.env)).toBeUndefined();
  });

  test.each(["SIGKILL", "SIGINT"] as const)(
    "a run ended by %s leaves no half a part and no lock that holds up the next",
    async (signal) => {
      // The first build writes half a file and hangs.
      const bench = await openBench(
        `[ -e "$QUARTET_PARTS_DIR/../again" ] || { echo half > "$out"; exec sleep 60; }; ${program}`,
      );
      await using _ = bench.folder;
      const killed = await startProcess({
        command: process.execPath,
        args: [script, "etcd"],
        env: bench.env,
      });
      const workFile = await until(
        async () => (await readdir(bench.cache, { recursive: true })).find((path) => path.endsWith("/etcd")),
        { deadlineMs: 20_000, what: "the half file" },
      );
      expect(workFile).toMatch(/^work\//);
      const goPid = Number((await readFile(join(bench.folder.path, "notes"), "utf8")).trim());
      await killed.stop({ signal });
      expect(missingReason("etcd", bench.env)).toMatch(/not built yet/);
      if (signal === "SIGINT") {
        expect(await readdir(bench.cache)).toEqual([]);
        await until(() => isGone(goPid), { deadlineMs: 5_000, what: "the compiler to end" });
      } else process.kill(goPid, "SIGKILL");
      await writeFile(join(bench.folder.path, "again"), "");
      const parts = await prepareParts({ env: bench.env, names: ["etcd"], log: () => undefined });
      expect(parts).toMatchObject([{ state: "built" }]);
      const { path } = locatePart("etcd", bench.env);
      expect(await runProcess({ command: path })).toMatchObject({ code: 0, stdout: "whole\n" });
    },
  );

  test("a cache that cannot be written is a reason, not an exception", async () => {
    const bench = await openBench(program);
    await using _ = bench.folder;
    await writeFile(bench.cache, "a file where the folder should be");
    const parts = await prepareParts({ env: bench.env, names: ["etcd"], log: () => undefined });
    expect(parts).toMatchObject([
      { state: "missing", reason: expect.stringMatching(/cannot be filled: .*QUARTET_PARTS_DIR/) },
    ]);
  });

  test("a changed go.sum, version or platform is another place in the cache", () => {
    const { dir, path, version } = locatePart("kube-apiserver", { QUARTET_PARTS_DIR: "/cache" });
    expect(dir).toMatch(/^\/cache\/kube-apiserver@v1\.\d+\.\d+-[0-9a-f]{10}$/);
    expect(path).toBe(`${dir}/kube-apiserver`);
    expect(dir).toContain(`@${version}-`);
    expect(locatePart("kube-scheduler", { XDG_CACHE_HOME: "/xdg" }).dir).toMatch(
      /^\/xdg\/quartet\/parts\/kube-scheduler@/,
    );
  });
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
    throw error;
  }
}
