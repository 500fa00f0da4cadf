import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UsageError } from "../output/index.ts";
import { testCommand } from "./rule-tests.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quartet-rule-tests-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  const stdout = new PassThrough();
  const signal = new AbortController().signal;
  const io = { stdout, stderr: new PassThrough(), env: {}, signal, isTty: false };
  const code = await testCommand.run(args, io);
  return { code, stdout: String(stdout.read() ?? "").replaceAll(folder, "DIR") };
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const rules = `
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    annotations: { summary: "{{ $labels.job }} is down" }
`;
const tests = (summary: string) => `
rule_files: [rules.yaml]
tests:
- name: what is down is called so
  input_series: [{ series: 'up{job="a"}', values: "1 0x5" }]
  alert_rule_test:
  - eval_time: 2m
    alertname: Down
    exp_alerts: [{ exp_labels: { job: a }, exp_annotations: { summary: ${summary} } }]
- promql_expr_test:
  - { expr: "1 + 1", eval_time: 0, exp_samples: [{ value: 2 }] }
`;

test("a file whose tests pass is told test by test, and ends with 0", async () => {
  write("rules.yaml", rules);
  expect(await run("rules", write("tests.yaml", tests("a is down")))).toEqual({
    code: 0,
    stdout: `DIR/tests.yaml
  ok    what is down is called so (1 check)
  ok    line 10 (1 check)

2 passed, 0 failed
`,
  });
});

test("a test that fails shows what was expected and what came, and ends with 1", async () => {
  write("rules.yaml", rules);
  const file = write("tests.yaml", tests("a is up"));
  expect(await run("rules", file)).toEqual({
    code: 1,
    stdout: `DIR/tests.yaml
  FAIL  what is down is called so (line 4)
        line 7: alert Down at 2m
          expected - {alertname="Down", job="a"} {summary="a is up"}
          got      + {alertname="Down", job="a"} {summary="a is down"}
  ok    line 10 (1 check)

1 passed, 1 failed
`,
  });
  expect((await run("rules", file, "--run", "^$")).code).toBe(0);
  const { stdout } = await run("rules", file, "--output", "json");
  expect(JSON.parse(stdout)).toMatchObject([
    { file: "DIR/tests.yaml", problems: [], tests: [{ failures: [{ line: 7 }] }, { failures: [] }] },
  ]);
});

test("a file that cannot be run is told with place and mend, the others run, and it ends with 2", async () => {
  write("rules.yaml", rules);
  const good = write("tests.yaml", tests("a is down"));
  const bad = write("bad.yaml", "rule_file: [rules.yaml]\n");
  expect(await run("rules", bad, join(folder, "none.yaml"), good)).toMatchObject({
    code: 2,
    stdout: expect.stringMatching(
      /bad\.yaml:1:1: .*did you mean rule_files\?[^]*none\.yaml: cannot be read: ENOENT[^]*2 passed, 0 failed, 2 of 3 files not run/,
    ) as string,
  });
  write("rules.yaml", "groups: [{ name: g, rules: [{ alert: A, expr: 'up ==' }] }]");
  expect((await run("rules", good)).stdout).toMatch(/rules\.yaml:1:\d+: .*unexpected end of input/);
});

test("a wrong word or flag is named", async () => {
  for (const args of [
    [],
    ["rule"],
    ["rules"],
    ["rules", "--run", "("],
    ["rules", "f", "--enable-feature", "x"],
  ])
    await expect(run(...args)).rejects.toBeInstanceOf(UsageError);
});
