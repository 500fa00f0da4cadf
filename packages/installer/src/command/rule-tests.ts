import {
  languageFeatureNames,
  loadRuleTests,
  type LanguageFeature,
  type RuleTestFailure,
  type RuleTestReport,
} from "@quartet/collector";
import { UsageError } from "../output/index.ts";
import type { Command, CommandIo, ExitCode } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { parseOutput } from "./install-flags.ts";

const rulesUsage = `quartet test rules FILE … [--run REGEX] [--enable-feature NAME] [--output table|json]

Runs tests of rule files: series over time, and the alerts and samples that rules and expressions should make of them. A file has
the form that promtool test rules takes, and is run by the engines that the collector has.

  --run REGEX            only tests whose name matches; may be repeated
  --enable-feature NAME  turns an experimental part of PromQL on; may be repeated:
                         ${languageFeatureNames.join("\n                         ")}
  --output FORMAT        table (default) or json

Exit codes: 0 all passed, 1 some failed, 2 a file cannot be read.
`;

const words = ["rules"] as const;

/** `quartet test`: tests of what a collector is given. */
export const testCommand: Command = {
  name: "test",
  summary: "test rule files: quartet test rules FILE …",
  usage: rulesUsage,
  async run([word = "", ...args], io) {
    if (word === "") throw new UsageError(`say what to test: ${words.join(", ")}`);
    if (word !== "rules") throw UsageError.unknown("command", word, words);
    return testRules(args, io);
  },
};

interface Request {
  readonly files: readonly string[];
  readonly isWanted: (name: string) => boolean;
  readonly features: readonly LanguageFeature[];
  readonly output: "table" | "json";
}

async function testRules(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const { files, output, ...settings } = parseRequest(args);
  const { testRuleFile } = await loadRuleTests();
  const reports: RuleTestReport[] = [];
  for (const file of files) {
    io.signal.throwIfAborted();
    const report = testRuleFile(file, settings);
    reports.push(report);
    if (output === "table") io.stdout.write(reportText(report));
  }
  const tests = reports.flatMap((report) => report.tests);
  const failed = tests.filter(({ failures }) => failures.length > 0).length;
  const broken = reports.filter(({ problems }) => problems.length > 0).length;
  if (output === "json") io.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  else {
    const unread = broken === 0 ? "" : `, ${broken} of ${files.length} files not run`;
    io.stdout.write(`${tests.length - failed} passed, ${failed} failed${unread}\n`);
  }
  if (broken > 0) return 2;
  return failed > 0 ? 1 : 0;
}

function parseRequest(args: readonly string[]): Request {
  const { values, positionals } = parseFlags(
    args,
    {
      run: { type: "string", multiple: true, default: [] },
      "enable-feature": { type: "string", multiple: true, default: [] },
      output: { type: "string", default: "table" },
    },
    { positionalsMax: Number.POSITIVE_INFINITY },
  );
  if (positionals.length === 0) throw new UsageError("name at least one file of rule tests");
  const wanted = values.run.map(parseExpression);
  return {
    files: positionals,
    isWanted: (name) => wanted.length === 0 || wanted.some((expression) => expression.test(name)),
    features: values["enable-feature"].flatMap((names) => names.split(",")).map(parseFeature),
    output: parseOutput(values.output),
  };
}

function parseExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new UsageError(`--run: ${(cause as Error).message}`, { cause });
  }
}

function parseFeature(name: string): LanguageFeature {
  const known = languageFeatureNames.find((feature) => feature === name);
  if (known === undefined) throw UsageError.unknown("feature", name, languageFeatureNames);
  return known;
}

function reportText({ file, problems, warnings, tests }: RuleTestReport): string {
  const lines = [file, ...[...warnings, ...problems].map((text) => `  ${text}`)];
  for (const { name, line, checkCount, failures } of tests) {
    const title = name === "" ? `line ${line}` : name;
    const checks = checkCount === 1 ? "1 check" : `${checkCount} checks`;
    lines.push(failures.length === 0 ? `  ok    ${title} (${checks})` : `  FAIL  ${title} (line ${line})`);
    lines.push(...failures.flatMap(failureLines).map((text) => `        ${text}`));
  }
  return `${lines.join("\n")}\n\n`;
}

function failureLines({ line, message, expected, got }: RuleTestFailure): string[] {
  const title = `line ${line}: ${message}`;
  if (expected === undefined || got === undefined) return [title];
  return [title, ...sideLines("expected", expected, got), ...sideLines("got", got, expected)];
}

/** One side, with a mark where the other lacks it. */
function sideLines(side: string, entries: readonly string[], others: readonly string[]): string[] {
  if (entries.length === 0) return [`  ${side.padEnd(8)}   nothing`];
  const there = new Set(others);
  return entries.map((entry, at) => {
    const mark = there.has(entry) ? " " : side === "got" ? "+" : "-";
    return `  ${(at === 0 ? side : "").padEnd(8)} ${mark} ${entry}`;
  });
}
