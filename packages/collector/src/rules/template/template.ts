import type { ParsedTemplate } from "./ast.ts";
import { executeTemplate } from "./execute.ts";
import type { FunctionContext } from "./function.ts";
import { templateFunctions } from "./functions.ts";
import { parseTemplate } from "./parse.ts";
import { TemplateProblem } from "./problem.ts";
import { mapOf, type StructValue, type Value } from "./value.ts";

/** What a template of a rule sees. */
export interface TemplateData {
  /** Labels of the element, with its name if it has one. */
  readonly labels: Readonly<Record<string, string>>;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly value: number;
}

/** A label or annotation of a rule, ready to expand. */
export interface RuleTemplate {
  /** As written in the rule. */
  readonly text: string;
  /** The expanded text, or "<error expanding template: …>" with `problem` set; never throws. */
  expand(data: TemplateData, context: FunctionContext): { readonly text: string; readonly problem?: string };
}

// Prometheus puts these before every template, so positions in messages count them too.
const definitions =
  "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/**
 * Parses a label or annotation of the alerting rule `alert`.
 * @throws TemplateProblem in the words of Go's text/template.
 * @see Prometheus, template/template.go
 */
export function parseRuleTemplate(alert: string, text: string): RuleTemplate {
  if (!text.includes("{{")) return { text, expand: () => ({ text }) };
  const parsed: ParsedTemplate = parseTemplate(`__alert_${alert}`, definitions + text, (name) =>
    templateFunctions.has(name),
  );
  return {
    text,
    expand(data, context) {
      const root: StructValue = {
        kind: "struct",
        fields: new Map<string, Value>([
          ["Labels", mapOf(data.labels)],
          ["ExternalLabels", mapOf(data.externalLabels)],
          ["ExternalURL", data.externalUrl],
          ["Value", data.value],
        ]),
      };
      try {
        return { text: executeTemplate(parsed, { data: root, functions: templateFunctions, context }) };
      } catch (cause) {
        if (!(cause instanceof TemplateProblem)) throw cause;
        const problem = `error executing template ${parsed.name}: ${cause.message}`;
        return { text: `<error expanding template: ${problem}>`, problem };
      }
    },
  };
}
