import { compileExpression, compileWholeExpression, type RedactRule } from "../model/index.ts";

/** The redaction rules that hold for one kind of place. */
export interface Redactor {
  /** Whether texts are looked into, under whatever key. */
  readonly hasValues: boolean;
  /** The first rule that masks all that stands under this key. */
  ruleOfKey(key: string): { readonly number: number; readonly mask: string } | undefined;
  /** Undefined when nothing in the text matches. */
  redact(text: string): { readonly masked: string; readonly rules: readonly number[] } | undefined;
}

/** Undefined when there are no rules. @throws CollectorError QUARTET_REGEX_INVALID */
export function createRedactor(
  rules: readonly { readonly number: number; readonly rule: RedactRule }[],
): Redactor | undefined {
  if (rules.length === 0) return undefined;
  const compiled = rules.map(({ number, rule: { keys, values, mask } }) => ({
    number,
    keys: keys.map(compileWholeExpression),
    values: values.map(compileExpression),
    mask,
  }));
  return {
    hasValues: compiled.some(({ values }) => values.length > 0),
    ruleOfKey: (key) => compiled.find(({ keys }) => keys.some((pattern) => pattern.test(key))),
    redact(text) {
      let masked = text;
      const fired: number[] = [];
      for (const { number, values, mask } of compiled) {
        const before = masked;
        for (const pattern of values) {
          if (pattern.test(masked)) masked = pattern.matcher(masked).replaceAll(() => mask);
        }
        if (masked !== before) fired.push(number);
      }
      return fired.length === 0 ? undefined : { masked, rules: fired };
    },
  };
}

/**
 * Gives names their new ones: the first expression that matches the whole name counts. Undefined for a name that stays.
 * @throws CollectorError QUARTET_REGEX_INVALID
 */
export function createRenamer(renames: ReadonlyMap<string, string>): (name: string) => string | undefined {
  const compiled = Array.from(renames, ([expression, renamed]) => ({
    pattern: compileWholeExpression(expression),
    renamed,
  }));
  return (name) => {
    const rename = compiled.find(({ pattern }) => pattern.test(name));
    const renamed = rename?.pattern.matcher(name).replaceFirst(rename.renamed);
    return renamed === name ? undefined : renamed;
  };
}
