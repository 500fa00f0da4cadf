import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Command } from "./command.ts";
import { imagesCommand } from "./images.ts";
import { installCommand } from "./install.ts";
import { parseTimeoutMs } from "./install-flags.ts";
import { renderCommand } from "./render.ts";
import { uninstallCommand } from "./uninstall.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "quartet-flags-"));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function run(command: Command, args: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const signal = new AbortController().signal;
  const code = await command.run(args, { stdout, stderr: stdout, env: {}, signal, isTty: false });
  expect(code).toBe(0);
  return Buffer.concat(chunks).toString("utf8");
}

describe("wrong flags are wrong usage, with the mend", () => {
  test.each<[Command, string[], RegExp]>([
    [installCommand, ["--namespac", "x"], /^unknown flag --namespac; did you mean --namespace\?$/],
    [
      installCommand,
      ["--namespace", "Big_One"],
      /--namespace: "Big_One" is no name of a namespace; write lower-case/,
    ],
    [installCommand, ["--namespace", "n".repeat(59)], /58 at most/],
    [installCommand, ["--timeout", "soon"], /--timeout: "soon" is no time; write a number with s, m or h/],
    [installCommand, ["--output", "yaml"], /--output: "yaml" is none of table, json/],
    [installCommand, ["extra"], /unexpected argument "extra"/],
    [uninstallCommand, ["--delete"], /unknown flag --delete; did you mean --delete-data\?/],
    [
      renderCommand,
      ["--webhook", "hooks.example.com"],
      /--webhook: "hooks.example.com" is no http or https URL/,
    ],
    [renderCommand, ["--agent-namespace", "a b"], /--agent-namespace: "a b" is no name/],
    [renderCommand, ["--rules", "rules.txt"], /should be called something.yaml/],
    [
      imagesCommand,
      ["--registry", "https://x"],
      /--registry: "https:\/\/x" is no registry; write a host and a prefix/,
    ],
    [
      imagesCommand,
      ["--collector-image", "x/y"],
      /--collector-image: "x\/y" should end in a tag or a digest/,
    ],
  ])("%s %j", async (command, args, message) => {
    await expect(run(command, args)).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringMatching(message),
    });
  });

  test("a rule file that cannot be read is a broken configuration", async () => {
    await expect(run(renderCommand, ["--rules", join(dir, "none.yaml")])).rejects.toMatchObject({
      code: "QUARTET_CONFIG_INVALID",
      exitCode: 2,
    });
  });

  test.each([
    ["90s", 90_000],
    ["10m", 600_000],
    ["2h", 7_200_000],
  ])("--timeout %s", (text, timeoutMs) => {
    expect(parseTimeoutMs(text)).toBe(timeoutMs);
  });
});

describe("quartet render", () => {
  test("prints the same documents on every run, without a cluster", async () => {
    const first = await run(renderCommand, []);
    expect(await run(renderCommand, [])).toBe(first);
    expect(parseAllDocuments(first)).toHaveLength(46);
  });

  test("takes rule files, the webhook and more agents' namespaces", async () => {
    const file = join(dir, "mine.yml");
    writeFileSync(file, "groups: []\n");
    const text = await run(renderCommand, [
      "--rules",
      file,
      "--agent-namespace",
      "shop",
      "--webhook",
      "https://h.example.com/x",
    ]);
    const objects = parseAllDocuments(text).map(
      (document) =>
        document.toJS() as { kind: string; metadata: { name: string; namespace?: string }; data?: object },
    );
    expect(objects.find(({ metadata }) => metadata.name === "quartet-rules")?.data).toEqual({
      "mine.yml": "groups: []\n",
    });
    expect(
      objects
        .filter(({ metadata }) => metadata.name === "quartet-agent")
        .map(({ metadata }) => metadata.namespace),
    ).toEqual(["quartet", "shop"]);
    expect(text).not.toContain("h.example.com");
  });
});

describe("quartet images", () => {
  test("lists one a component, as a table and as JSON", async () => {
    expect(await run(imagesCommand, [])).toMatch(
      /^COMPONENT +IMAGE\ncollector +localhost\/quartet-collector:/,
    );
    const list = JSON.parse(
      await run(imagesCommand, ["--output", "json", "--registry", "r.example.com"]),
    ) as { image: string }[];
    expect(list).toHaveLength(6);
    for (const { image } of list) expect(image).toMatch(/^r\.example\.com\//);
  });
});
