import { LineCounter, parseAllDocuments, type Node } from "yaml";
import { CollectorError, hasCode, metricNameLabel } from "../model/index.ts";
import { parseExpression, type Expression, type Language } from "../promql/index.ts";
import type { AlertingRule, Rule, RuleGroup } from "./rule.ts";
import { TemplateProblem } from "./template/problem.ts";
import { parseRuleTemplate, type RuleTemplate } from "./template/template.ts";
import { createYamlReader, type Entry, type YamlReader } from "./yaml-map.ts";
import { createProblemList, offsetOf, placeInScalar, type ProblemList } from "./yaml-place.ts";

const groupKeys = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const ruleKeys = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

interface Reading {
  readonly text: string;
  readonly yaml: YamlReader;
  readonly problems: ProblemList;
  readonly language: Language | undefined;
}

/**
 * Reads a Prometheus rule file, as strictly as Prometheus does; only the first document of a file counts.
 * Extensions of ours are annotations called `quartet_*`, so that the file stays loadable there.
 * @param file named in messages and in the API
 * @param language what of PromQL is on; the stable language unless given
 * @throws CollectorError QUARTET_RULES_INVALID listing every problem as "file:line:column: what, and the mend".
 * @see Prometheus 3.14, model/rulefmt
 */
export function parseRuleFile(text: string, file: string, language?: Language): RuleGroup[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const problems = createProblemList(file, lines);
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return [];
  for (const error of document.errors) problems.add(error.pos[0], error.message);
  refuse(problems);
  const reading: Reading = { text, yaml: createYamlReader(document, problems), problems, language };
  const groups = readGroups(reading, document.contents, file);
  refuse(problems);
  return groups;
}

function refuse({ all }: ProblemList): void {
  if (all.length > 0) throw new CollectorError("QUARTET_RULES_INVALID", all.join("\n"));
}

function readGroups(reading: Reading, root: Node | null, file: string): RuleGroup[] {
  const { yaml, problems } = reading;
  const names = new Set<string>();
  const top = yaml.map(root, "the file", ["groups"]);
  return yaml.sequence(top?.get("groups")?.value ?? null, "groups").map((node) => {
    const entries = yaml.map(node, "group", groupKeys);
    const name = yaml.text(entries?.get("name"), "name");
    const context = `group ${JSON.stringify(name)}`;
    if (name === "") problems.add(offsetOf(node), "a group needs a name; add the key name");
    else if (names.has(name))
      problems.add(offsetOf(node), `${context} is there twice in this file; rename one`);
    names.add(name);
    const intervalMs = yaml.durationMs(entries?.get("interval"), `${context}, interval`);
    const labels = readTexts(reading, entries?.get("labels"), `${context}, labels`, "label");
    const rules = yaml
      .sequence(entries?.get("rules")?.value ?? null, `${context}, rules`)
      .map((rule, index) => readRule(reading, rule, `${context}, rule ${index + 1}`, labels));
    return {
      name,
      file,
      // 0 means the default, as an absent key does.
      intervalMs: intervalMs === 0 ? undefined : intervalMs,
      queryOffsetMs: yaml.durationMs(entries?.get("query_offset"), `${context}, query_offset`),
      limit: yaml.integer(entries?.get("limit"), `${context}, limit`) ?? 0,
      rules: rules.filter((rule) => rule !== undefined),
    };
  });
}

/** A mapping of names to texts with each text's node. */
type Texts = ReadonlyMap<string, { readonly text: string; readonly entry: Entry }>;

function readTexts(
  { yaml, problems }: Reading,
  entry: Entry | undefined,
  context: string,
  noun: "label" | "annotation",
): Texts {
  const texts = new Map<string, { text: string; entry: Entry }>();
  for (const [name, item] of yaml.map(entry?.value ?? null, context) ?? []) {
    if (name === "" || !name.isWellFormed() || (noun === "label" && name === metricNameLabel)) {
      problems.add(offsetOf(item.key), `${context}: invalid ${noun} name: ${name}`);
    }
    texts.set(name, { text: yaml.text(item, `${context}, ${name}`), entry: item });
  }
  return texts;
}

function readRule(reading: Reading, node: Node, place: string, groupLabels: Texts): Rule | undefined {
  const { yaml, problems } = reading;
  const entries = yaml.map(node, place, ruleKeys);
  const record = yaml.text(entries?.get("record"), `${place}, record`);
  const alert = yaml.text(entries?.get("alert"), `${place}, alert`);
  const name = alert === "" ? record : alert;
  const context = name === "" ? place : `${place}, ${JSON.stringify(name)}`;
  const start = offsetOf(node);
  if (record !== "" && alert !== "") {
    problems.add(
      offsetOf(entries?.get("record")?.key),
      `${context}: only one of 'record' and 'alert' must be set`,
    );
  }
  if (name === "") problems.add(start, `${context}: one of 'record' or 'alert' must be set`);
  const expression = readExpression(reading, entries?.get("expr"), { context, start });
  const forMs = yaml.durationMs(entries?.get("for"), `${context}, for`) ?? 0;
  const keepFiringForMs =
    yaml.durationMs(entries?.get("keep_firing_for"), `${context}, keep_firing_for`) ?? 0;
  const own = readTexts(reading, entries?.get("labels"), `${context}, labels`, "label");
  const annotations = readTexts(
    reading,
    entries?.get("annotations"),
    `${context}, annotations`,
    "annotation",
  );
  const labels: Texts = new Map([...groupLabels, ...own]);
  if (record !== "") {
    checkRecord(reading, { record, context, forMs, keepFiringForMs, annotations: annotations.size }, entries);
    if (expression === undefined) return undefined;
    const plain = Object.fromEntries([...labels].map(([label, { text }]) => [label, text]));
    return { kind: "recording", name: record, expression, labels: plain };
  }
  const templates: Pick<AlertingRule, "labels" | "annotations"> = {
    labels: readTemplates(reading, labels, { alert, context, noun: "label" }),
    annotations: readTemplates(reading, annotations, { alert, context, noun: "annotation" }),
  };
  if (expression === undefined || alert === "") return undefined;
  return { kind: "alerting", name: alert, expression, forMs, keepFiringForMs, ...templates };
}

interface RecordCheck {
  readonly record: string;
  readonly context: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: number;
}

function checkRecord(
  { problems }: Reading,
  { record, context, forMs, keepFiringForMs, annotations }: RecordCheck,
  entries: ReadonlyMap<string, Entry> | undefined,
): void {
  const refuseKey = (key: string) =>
    problems.add(
      offsetOf(entries?.get(key)?.key),
      `${context}: invalid field '${key}' in recording rule; remove it, or write alert instead of record`,
    );
  if (annotations > 0) refuseKey("annotations");
  if (forMs !== 0) refuseKey("for");
  if (keepFiringForMs !== 0) refuseKey("keep_firing_for");
  const place = offsetOf(entries?.get("record")?.value);
  if (!record.isWellFormed()) problems.add(place, `${context}: invalid recording rule name: ${record}`);
  if (/[{}]/.test(record)) {
    problems.add(
      place,
      `${context}: braces present in the recording rule name; should it be in expr?: ${record}`,
    );
  }
}

function readExpression(
  { text, yaml, problems, language }: Reading,
  entry: Entry | undefined,
  { context, start }: { readonly context: string; readonly start: number },
): Expression | undefined {
  const written = yaml.text(entry, `${context}, expr`);
  if (written === "") {
    problems.add(
      entry === undefined ? start : offsetOf(entry.key),
      `${context}: field 'expr' must be set in rule`,
    );
    return undefined;
  }
  try {
    return parseExpression(written, language);
  } catch (cause) {
    if (!hasCode(cause, "QUARTET_PROMQL_INVALID") && !hasCode(cause, "QUARTET_REGEX_INVALID")) throw cause;
    const [, line = "1", column = "1"] = /^(\d+):(\d+): /.exec(cause.message) ?? [];
    const offset =
      entry === undefined || entry.value === null
        ? start
        : placeInScalar(text, entry.value, Number(line), Number(column));
    problems.add(offset, `${context}: could not parse expression: ${cause.message}`);
    return undefined;
  }
}

function readTemplates(
  { problems }: Reading,
  texts: Texts,
  { alert, context, noun }: { readonly alert: string; readonly context: string; readonly noun: string },
): Readonly<Record<string, RuleTemplate>> {
  const templates = Object.create(null) as Record<string, RuleTemplate>;
  for (const [name, { text, entry }] of texts) {
    try {
      templates[name] = parseRuleTemplate(alert, text);
    } catch (cause) {
      if (!(cause instanceof TemplateProblem)) throw cause;
      problems.add(
        offsetOf(entry.value ?? entry.key),
        `${context}: ${noun} ${JSON.stringify(name)}: ${cause.message}`,
      );
    }
  }
  return templates;
}
