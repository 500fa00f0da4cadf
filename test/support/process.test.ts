import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort, openTempDir, runProcess, startProcess, until } from "./index.ts";

const node = process.execPath;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

test("a program is ready when its URL answers, and gone after stop", async () => {
  const port = await freePort();
  const server = `require("http").createServer((_, r) => r.end("yes")).listen(${port}, "127.0.0.1")`;
  const started = await startProcess({
    command: node,
    args: ["-e", server],
    ready: { url: `http://127.0.0.1:${port}/` },
  });
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("yes");
  expect(await started.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(isAlive(started.pid)).toBe(false);
  expect(await started.stop()).toEqual({ code: null, signal: "SIGTERM" });
});

test("a program is ready when it prints the awaited line", async () => {
  const program = `console.error("listening on 7"); setInterval(() => {}, 1000)`;
  await using started = await startProcess({
    command: node,
    args: ["-e", program],
    ready: { line: /listening on \d/ },
  });
  expect(started.stderr()).toContain("listening on 7");
  expect(started.exit()).toBeUndefined();
});

test("an early death is reported at once with the last lines", async () => {
  const program = `console.error("no such flag"); process.exit(7)`;
  const beganMs = performance.now();
  const starting = startProcess({
    command: node,
    args: ["-e", program],
    ready: { line: "ready" },
    name: "thing",
    deadlineMs: 60_000,
  });
  await expect(starting).rejects.toThrow(
    /thing ended \(exit code 7\) before it was ready\n.*stderr:\nno such flag/,
  );
  expect(performance.now() - beganMs).toBeLessThan(30_000);
});

test("a program that misses its deadline is killed and named", async () => {
  const program = `console.log(process.pid); setInterval(() => {}, 1000)`;
  const starting = startProcess({
    command: node,
    args: ["-e", program],
    ready: { line: "ready" },
    name: "thing",
    deadlineMs: 1_500,
  });
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  expect(error?.message).toMatch(/thing was not ready within 1500 ms\n.*stdout:\n\d+/);
  expect(isAlive(Number(error?.message.trimEnd().split("\n").at(-1)))).toBe(false);
});

test("a command that does not exist is an error naming it", async () => {
  await expect(startProcess({ command: "/nowhere/thing" })).rejects.toThrow(
    /thing could not be started: .*ENOENT/,
  );
});

test("a program that ignores SIGTERM is killed after the grace", async () => {
  const program = `process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)`;
  const started = await startProcess({ command: node, args: ["-e", program], ready: { line: "ready" } });
  expect(await started.stop({ graceMs: 200 })).toEqual({ code: null, signal: "SIGKILL" });
});

test("run gives the exit code and both outputs, and passes standard input", async () => {
  const program = `process.stdin.on("data", (d) => process.stdout.write(d)).on("end", () => { console.error("bad"); process.exitCode = 3 })`;
  expect(await runProcess({ command: node, args: ["-e", program], stdin: "text" })).toEqual({
    code: 3,
    signal: null,
    stdout: "text",
    stderr: "bad\n",
  });
});

test("only the last MiB of output is kept", async () => {
  const program = `const s = require("fs"); for (let i = 0; i < 80; i++) s.writeSync(1, String(i).padStart(64 * 1024))`;
  const { stdout } = await runProcess({ command: node, args: ["-e", program] });
  expect(stdout.length).toBe(1024 * 1024);
  expect(stdout.endsWith(" 79")).toBe(true);
});

test.skipIf(process.platform === "win32")(
  "children and folders do not outlive their process, even when it is killed with -9",
  async () => {
    const door = JSON.stringify(new URL("./index.ts", import.meta.url).href);
    const program = `import(${door}).then(async ({ openTempDir, startProcess }) => {
      const [closed, left] = [await openTempDir("one two"), await openTempDir("three four")];
      await closed.remove();
      const idle = { command: process.execPath, args: ["-e", "setInterval(() => {}, 1000)"], cwd: left.path };
      await (await startProcess(idle)).stop();
      const child = await startProcess(idle);
      console.log("left " + child.pid + " " + left.path);
    })`;
    const parent = spawn(node, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    parent.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [, pid, path] = await until(() => /left (\d+) (.+)\n/.exec(output), {
      deadlineMs: 20_000,
      what: "the child's pid",
    });
    expect([isAlive(Number(pid)), existsSync(path ?? "")]).toEqual([true, true]);
    parent.kill("SIGKILL");
    await until(() => !isAlive(Number(pid)) && !existsSync(path ?? ""), {
      deadlineMs: 10_000,
      what: "the child and the folder to be gone",
    });
  },
);

test("a temporary folder is gone after its scope", async () => {
  let path = "";
  {
    await using folder = await openTempDir("scope");
    path = folder.path;
    expect(existsSync(path)).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
  expect(existsSync(join(path, ".."))).toBe(true);
});

test("until gives the first value, retries what throws, and names what it waited for", async () => {
  let count = 0;
  const attempt = (): number => {
    count += 1;
    if (count < 3) throw new Error(`only ${count}`);
    return count;
  };
  expect(await until(attempt, { deadlineMs: 5_000, what: "three", intervalMs: 1 })).toBe(3);
  await expect(
    until(() => Promise.reject(new Error("closed")), { deadlineMs: 20, what: "the door" }),
  ).rejects.toThrow(/Waited 20 ms for the door; .* failed with: Error: closed/);
  await expect(
    until(() => new Promise<true>(() => undefined), { deadlineMs: 50, what: "nothing" }),
  ).rejects.toThrow(/did not settle/);
});

test("two hundred free ports are all different", async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, () => freePort()));
  expect(new Set(ports).size).toBe(200);
});
