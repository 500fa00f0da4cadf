import { loadRuleTests, type LanguageFeature, type RuleTestReport } from "@quartet/collector";
import { promtool } from "../../parts/index.ts";

/** What a program made of a file of rule tests. */
export interface Verdict {
  readonly hasPassed: boolean;
  /** `alert NAME TIME` and `EXPRESSION TIME` of the checks that failed, ascending. */
  readonly failed: readonly string[];
}

/** What promtool makes of a file. */
export async function askPromtool(file: string): Promise<Verdict> {
  const { code, stdout, stderr } = await promtool(["test", "rules", file]);
  if (code !== 0 && code !== 1) throw new Error(`promtool ended with ${code}: ${stdout}${stderr}`);
  const alerts = [...stderr.matchAll(/alertname: (\S+), time: (\S+),/g)].map(
    ([, name, time]) => `alert ${name} ${time}`,
  );
  const expressions = [...stderr.matchAll(/expr: ("(?:[^"\\]|\\.)*"), time: (\w+),/g)].map(
    ([, expression, time]) => `${JSON.parse(expression!) as string} ${time}`,
  );
  return { hasPassed: code === 0, failed: [...alerts, ...expressions].sort() };
}

const { testRuleFile } = await loadRuleTests();

/** What ours makes of it. */
export function askQuartet(
  file: string,
  features: readonly LanguageFeature[] = [],
): Verdict & { readonly report: RuleTestReport } {
  const report = testRuleFile(file, { features, isWanted: () => true });
  const failures = report.tests.flatMap((each) => each.failures);
  const failed = failures
    .map(({ message }) => /^(?!rule )(.*?) at (\w+)(?:[:;].*)?$/s.exec(message))
    .flatMap((match) => (match === null ? [] : [`${match[1]} ${match[2]}`]));
  return { hasPassed: report.problems.length + failures.length === 0, failed: failed.sort(), report };
}
