import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { isLong, openTempDir } from "../support/index.ts";

const kills = isLong ? 200 : 12;
const minutesPerLife = 600;
const writerScript = join(import.meta.dirname, "store-writer.ts");

test(
  `after each of ${kills} kills the store has every acknowledged sample once, from blocks, snapshot and stream`,
  { timeout: 60_000 + kills * 20_000 },
  async () => {
    await using folder = await openTempDir("store-kill");
    const acknowledged = new Map<string, number[]>();
    let minute = 0;
    for (let life = 0; life <= kills; life += 1) {
      const isLast = life === kills;
      const found = new Map<string, number[]>();
      const acknowledgedNow: [series: string, minute: number][] = [];
      // Between a second's work and all of it.
      const killAfter = isLast ? Infinity : randomInt(1, minutesPerLife * 3);
      // Should this process be killed, the writer ends at its next line, for want of a reader.
      const child = spawn(
        process.execPath,
        [
          "--conditions=quartet-source",
          writerScript,
          folder.path,
          `${minute}`,
          isLast ? "0" : `${minutesPerLife}`,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const lines = createInterface({ input: child.stdout });
      lines.on("line", (line) => {
        const [, series, isTrue, minutes] = /^found (\S+) (\S+) (\S+)$/.exec(line) ?? [];
        if (series !== undefined) {
          expect(isTrue).toBe("true");
          found.set(series, minutes!.split(",").map(Number));
        }
        // The kill may cut the last line short; then it is one of those that may be there or not.
        const [, to, at] = /^(s\d) (\d+)$/.exec(line) ?? [];
        if (to === undefined) return;
        acknowledgedNow.push([to, Number(at)]);
        if (acknowledgedNow.length === killAfter) child.kill("SIGKILL");
      });
      await Promise.all([once(lines, "close"), once(child, "exit")]);
      for (const [series, wanted] of acknowledged) {
        const got = found.get(series) ?? [];
        expect(got, `${series} in life ${life}`).toEqual([...new Set(got)].toSorted((a, b) => a - b));
        const there = new Set(got);
        expect(
          wanted.filter((at) => !there.has(at)),
          `${series} in life ${life}`,
        ).toEqual([]);
      }
      for (const [series, at] of acknowledgedNow) {
        const minutes = acknowledged.get(series) ?? [];
        minutes.push(at);
        acknowledged.set(series, minutes);
      }
      minute = Math.max(minute, ...acknowledgedNow.map(([, at]) => at + 1));
    }
    const files = await readdir(join(folder.path, "blocks"));
    expect(files.filter((name) => name.endsWith(".block")).length).toBeGreaterThan(1);
    expect(files).toContain("head.snapshot");
    expect(files.filter((name) => name.endsWith(".damaged"))).toEqual([]);
  },
);
