import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createRandom } from "../../differential/random.ts";
import { describeWithParts } from "../../parts/index.ts";
import { isLong, openTempDir } from "../../support/index.ts";
import { generateRules, generateTests, type TestDocument } from "./generate.ts";
import { askPromtool, askQuartet } from "./rule-tests.ts";

const seed = Number(process.env["QUARTET_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const fileCount = isLong ? 1_000 : 25;

/** A text of ours as the fields of a test: `{__name__="m", job="a"} 3`. */
function sampleOf(text: string): object {
  const at = text.lastIndexOf("} ") + 1;
  const value = text.slice(at + 1);
  const special: Record<string, number> = { NaN: NaN, "+Inf": Infinity, "-Inf": -Infinity };
  return { labels: text.slice(0, at), value: special[value] ?? Number(value) };
}

function alertOf(text: string): object {
  const [labels, annotations] = [...text.matchAll(/\{((?:[\w]+="(?:[^"\\]|\\.)*"(?:, )?)*)\}/g)].map(
    ([, inner]) =>
      Object.fromEntries(
        [...inner!.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value]) => [
          name,
          JSON.parse(value!) as string,
        ]),
      ),
  );
  return { exp_labels: labels, exp_annotations: annotations };
}

/** JSON is YAML, but for the floats that JSON lacks. */
const yamlOf = (document: object) =>
  JSON.stringify(document, (_key, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? `\u0000${value}` : value,
  ).replaceAll(/"\\u0000(NaN|-?Infinity)"/g, (_whole, name: string) =>
    name === "NaN" ? ".nan" : name.startsWith("-") ? "-.inf" : ".inf",
  );

const rules = `
groups:
- name: first
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
- name: second
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: { severity: page }
    annotations: { summary: "{{ $labels.instance }} is down" }
`;
const series = `
  input_series:
  - { series: 'up{job="a",instance="i"}', values: "1 0x10" }`;
const passing = `
rule_files: ["*.rules.yaml"]
evaluation_interval: 1m
tests:
- interval: 1m${series}
  alert_rule_test:
  - eval_time: 2m
    alertname: Down
  - eval_time: 3m30s
    alertname: Down
    exp_alerts:
    - exp_labels: { job: a, instance: i, severity: page }
      exp_annotations: { summary: i is down }
  promql_expr_test:
  - { expr: "job:up:sum", eval_time: 0m, exp_samples: [{ labels: 'job:up:sum{job="a"}', value: 1 }] }
  - { expr: "1 + 1", eval_time: 1m, exp_samples: [{ value: 2 }] }
  - { expr: "up > 5", eval_time: 1m }
`;

/** Each a change of the passing file, and what ours says of it: undefined where it still passes. */
const changes: readonly (readonly [
  name: string,
  from: string | RegExp,
  to: string,
  says: RegExp | undefined,
])[] = [
  ["nothing", "", "", undefined],
  ["another value", "value: 1 }", "value: 1.5 }", /^job:up:sum at 0s$/],
  [
    "a missing annotation",
    "exp_annotations: { summary: i is down }",
    "exp_annotations: {}",
    /^alert Down at 3m30s$/,
  ],
  ["a wrong label", "severity: page }", "severity: ticket }", /^alert Down at 3m30s$/],
  ["an alert that does not fire", "eval_time: 2m", "eval_time: 4m", /^alert Down at 4m$/],
  ["no tests", /tests:[^]*/, "tests: []", undefined],
  ["a pattern that nothing matches", "*.rules.yaml", "none*.yaml", /^alert Down at 3m30s$/],
  ["an expression that is none", '"up > 5"', '"up >"', /^up > at 1m: .*unexpected end of input/],
  ["a range", '"up > 5"', '"up[5m]"', /^up\[5m\] at 1m: the result is no vector or scalar/],
  ["an experimental function", '"up > 5"', '"limitk(0, up)"', /limitk.*experimental/],
  ["the same time of a start", "- interval: 1m", "- interval: 1m\n  start_timestamp: 1700000000", undefined],
  [
    "a series that is there twice",
    'values: "1 0x10" }',
    `values: "7" }\n  - { series: 'up{job="a",instance="i"}', values: "1 0x10" }`,
    undefined,
  ],
  [
    "an unknown key",
    "- interval: 1m",
    "- intervall: 1m",
    /tests\.yaml:\d+:\d+: tests: unknown key "intervall"; did you mean interval\?/,
  ],
  [
    "an unknown key of the file",
    "rule_files",
    "rules_files",
    /tests\.yaml:2:1: the file: unknown key "rules_files"; did you mean rule_files\?/,
  ],
  [
    "an alert without a name",
    "    alertname: Down\n  - eval_time: 3m30s",
    "  - eval_time: 3m30s",
    /tests\.yaml:\d+:5: alert_rule_test needs the name of an alert; add the key alertname/,
  ],
  [
    "a group named twice",
    "evaluation_interval: 1m",
    "evaluation_interval: 1m\ngroup_eval_order: [first, first]",
    /tests\.yaml:4:19: group_eval_order: "first" is there twice/,
  ],
  [
    "a duration that is none",
    "eval_time: 2m",
    "eval_time: 2 minutes",
    /tests\.yaml:\d+:16: alert_rule_test, eval_time: .*write a number with a unit/,
  ],
  ["values that are none", "1 0x10", "1 two", /tests\.yaml:\d+:\d+: input_series: .*two/],
  [
    "a sample that is none",
    "value: 2 }",
    "value: many }",
    /tests\.yaml:\d+:\d+: exp_samples, value should be a number/,
  ],
  [
    "labels that are none",
    "labels: 'job:up:sum{job=\"a\"}'",
    "labels: 'job{'",
    /tests\.yaml:\d+:\d+: exp_samples, labels: /,
  ],
  ["a file that is no YAML", "tests:", "tests: [", /tests\.yaml:\d+:\d+: /],
  ["a list where a mapping belongs", "- interval: 1m", "- - interval: 1m", /tests\.yaml:\d+:\d+: /],
];

describeWithParts("Rule tests beside promtool", ["promtool"], () => {
  test.for(changes)(
    "%s: both come to the same verdict, and ours says where and what",
    async ([, from, to, says]) => {
      await using folder = await openTempDir("rule-tests");
      await writeFile(join(folder.path, "up.rules.yaml"), rules);
      const file = join(folder.path, "tests.yaml");
      await writeFile(file, passing.replace(from, to));
      const { report, ...ours } = askQuartet(file);
      const theirs = await askPromtool(file);
      expect(ours.hasPassed).toBe(theirs.hasPassed);
      expect(ours.hasPassed).toBe(says === undefined);
      const said = [
        ...report.problems,
        ...report.tests.flatMap(({ failures }) => failures.map(({ message }) => message)),
      ];
      if (says !== undefined) expect(said).toContainEqual(expect.stringMatching(says));
    },
  );

  // promtool 3.14 has the flag, and refuses these functions all the same.
  test("rules and expressions may have what is experimental where it is turned on", async () => {
    await using folder = await openTempDir("rule-tests");
    await writeFile(join(folder.path, "up.rules.yaml"), rules.replace("(up)", "(limitk(1, up))"));
    const file = join(folder.path, "tests.yaml");
    await writeFile(file, passing.replace('"up > 5"', '"limitk(0, up)"'));
    expect(askQuartet(file).hasPassed).toBe(false);
    expect(askQuartet(file, ["promql-experimental-functions"]).hasPassed).toBe(true);
  });

  test.for([
    ["0.1 + 0.2", 0.3, true],
    ["0.1 + 0.2", 0.30000000000000004, true],
    ["0.1 + 0.2", 0.3000000000000002, false],
    ["0 / 0", Number.NaN, false],
    ["1 / 0", Infinity, true],
  ] as const)("with fuzzy_compare %s is %d: %s", async ([expr, value, isSame]) => {
    await using folder = await openTempDir("rule-tests");
    const file = join(folder.path, "tests.yaml");
    const promql_expr_test = [{ expr, eval_time: "0s", exp_samples: [{ value }] }];
    await writeFile(file, yamlOf({ fuzzy_compare: true, tests: [{ promql_expr_test }] }));
    expect(askQuartet(file).hasPassed).toBe(isSame);
    expect((await askPromtool(file)).hasPassed).toBe(isSame);
  });

  test(
    `the same checks pass and fail in ${fileCount} generated files, with values that ours found, and with others`,
    { timeout: 120_000 + fileCount * 2_000 },
    async () => {
      await using folder = await openTempDir("rule-tests");
      const random = createRandom(seed);
      const file = join(folder.path, "tests.yaml");
      let checks = 0;
      let failing = 0;
      for (let index = 0; index < fileCount; index += 1) {
        const begin = `seed ${seed}, file ${index}`;
        const rules = generateRules(random);
        await writeFile(join(folder.path, "rules.yaml"), yamlOf(rules));
        const empty = generateTests(random);
        await writeFile(file, yamlOf(empty));
        const { report } = askQuartet(file);
        expect({ begin, problems: report.problems }).toEqual({ begin, problems: [] });
        const filled = fill(
          empty,
          report.tests.map(({ failures }) => failures),
          (entries) =>
            // A few are made wrong: one is left out, or comes twice.
            random.chance(0.15) && entries.length > 0
              ? random.chance(0.5)
                ? entries.slice(1)
                : [...entries, ...entries.slice(0, 1)]
              : entries,
        );
        await writeFile(file, yamlOf(filled));
        const ours = askQuartet(file);
        const theirs = await askPromtool(file);
        expect({ begin, rules, filled, failed: ours.failed, hasPassed: ours.hasPassed }).toEqual({
          begin,
          rules,
          filled,
          ...theirs,
        });
        checks += ours.report.tests.reduce((sum, { checkCount }) => sum + checkCount, 0);
        failing += ours.failed.length;
      }
      // Both kinds are there.
      expect(failing).toBeGreaterThan(0);
      expect(failing).toBeLessThan(checks / 2);
    },
  );
});

/** Expects what was found; `change` may make some of it wrong. */
function fill(
  document: TestDocument,
  found: readonly (readonly { readonly message: string; readonly got: readonly string[] | undefined }[])[],
  change: (entries: readonly object[]) => readonly object[],
): TestDocument {
  return {
    ...document,
    tests: document.tests.map((group, index) => {
      const gotOf = (message: string) =>
        found[index]!.find(
          (failure) => failure.message.split(/[:;]/)[0] === message || failure.message === message,
        )?.got ?? [];
      return {
        ...group,
        alert_rule_test: group.alert_rule_test.map((each) => ({
          ...each,
          exp_alerts: change(gotOf(`alert ${each.alertname} at ${duration(each.eval_time)}`).map(alertOf)),
        })),
        promql_expr_test: group.promql_expr_test.map((each) => ({
          ...each,
          exp_samples: change(
            gotOf(`${each.expr} at ${duration(each.eval_time)}`)
              .filter((text) => !text.includes("{count:"))
              .map(sampleOf),
          ),
        })),
      };
    }),
  };
}

/** As it is printed: 90s is 1m30s. */
function duration(seconds: string): string {
  const total = Number(seconds.slice(0, -1));
  const [minutes, rest] = [Math.floor(total / 60), total % 60];
  if (total === 0) return "0s";
  return `${minutes > 0 ? `${minutes}m` : ""}${rest > 0 ? `${rest}s` : ""}`;
}
