export { builtInRules } from "./built-in.ts";
export { createRuleEngine, type RuleEngine, type RuleEngineSettings } from "./engine.ts";
export { parseRuleFile } from "./rule-file.ts";
export type { AlertingRule, RecordingRule, Rule, RuleGroup } from "./rule.ts";
export type { AlertAnswer, GroupAnswer, RuleAnswer } from "./snapshot.ts";
export {
  parseRuleTestFile,
  type AlertCase,
  type ExpressionCase,
  type RuleTest,
  type RuleTestFile,
} from "./rule-test-file.ts";
export { createRuleTrial, type RuleTrial } from "./trial.ts";
