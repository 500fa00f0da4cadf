import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { LineCounter, parseDocument, stringify, type Document } from "yaml";
import {
  CollectorError,
  nearest,
  type LanguageFeature,
  type ProcessRules,
  type Stream,
} from "../model/index.ts";
import { convertExporter, findExporterProblems, type ExporterConfig, type RawExporter } from "./exporter.ts";
import { parseProcess, type RawProcess } from "./process.ts";
import {
  convertOtlp,
  convertSize,
  convertTls,
  isOrigin,
  problemOfTls,
  type OtlpConfig,
  type RawOtlp,
  type RawTls,
} from "./receive.ts";
import { configSchema, keysNotServed } from "./schema.ts";
import { withoutSecrets } from "./secrets.ts";
import { convertStore, type RawStore, type StoreConfig } from "./store.ts";
import type { TlsFiles } from "./tls.ts";
import { isLoopback, parseAddress, parseDurationMs, parseSizeBytes } from "./units.ts";
import { expandVariables } from "./variables.ts";

/** The collector's configuration, checked, with every default filled in and every unit converted. */
export interface CollectorConfig {
  /** As it was written, variables and defaults filled in, without secrets. */
  readonly yaml: string;
  readonly receive: {
    /** Undefined: as much as the machine allows. */
    readonly memorySizeBytesMax: number | undefined;
    readonly otlp: OtlpConfig;
    /** Addresses; none: nothing is opened. */
    readonly zipkin: { readonly listen: readonly string[] };
  };
  /** Undefined when nothing is to be done between receipt and journal. */
  readonly process: ProcessRules | undefined;
  readonly journal: { readonly sizeBytesMax: Readonly<Record<Stream, number>> };
  readonly store: StoreConfig;
  readonly promql: {
    /** Experimental parts that are on. */
    readonly features: readonly LanguageFeature[];
  };
  readonly export: readonly ExporterConfig[];
  readonly rules: {
    readonly files: readonly string[];
    readonly evaluationIntervalMs: number;
    readonly hasBuiltIn: boolean;
  };
  readonly notify: { readonly webhook: string | undefined };
  readonly api: {
    readonly listen: string;
    readonly tokensFile: string | undefined;
    readonly tls: TlsFiles | undefined;
    readonly externalUrl: string | undefined;
  };
}

interface ParseSettings {
  /** Named in messages. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Allows listeners beyond loopback without tokens. */
  readonly isInsecure?: boolean;
}

/** Smaller, and the journal could not keep one segment for each stage that reads it. */
const journalSizeBytesMin = 2 ** 20;

/** Made anew each time: a collector reads its configuration once, and what is compiled for it takes a megabyte. */
function createValidator(): { readonly ajv: Ajv; readonly validate: ValidateFunction<RawConfig> } {
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    allowUnionTypes: true,
    discriminator: true,
  });
  ajv.addFormat("size", (text: string) => (parseSizeBytes(text) ?? 0) > 0);
  ajv.addFormat("journal-size", (text: string) => (parseSizeBytes(text) ?? 0) >= journalSizeBytesMin);
  ajv.addFormat("duration", (text: string) => (parseDurationMs(text) ?? 0) > 0);
  ajv.addFormat("window", (text: string) => parseDurationMs(text) !== undefined);
  ajv.addFormat("address", (text: string) => parseAddress(text) !== undefined);
  ajv.addFormat("http-url", (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));
  ajv.addFormat("origin", isOrigin);
  return { ajv, validate: ajv.compile<RawConfig>(configSchema) };
}

/**
 * Checks the text of a configuration; an empty text gives the defaults.
 * @throws CollectorError QUARTET_CONFIG_INVALID that lists every problem as `file:line:column: path: what, and the mend`.
 */
export function parseConfig(text: string, settings: ParseSettings): CollectorConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: string[] = [];
  const report = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push(`${settings.file}:${line}:${col}: ${message}`);
  };
  for (const error of document.errors) report(error.pos[0], error.message);
  refuse(problems);
  for (const { name, offset } of expandVariables(document, settings.env)) {
    report(offset, `the variable ${name} is not set: set it, or write \${${name}:-default}`);
  }
  const raw = plainValue(document, report);
  const { ajv, validate } = createValidator();
  if (!validate(raw)) {
    const seen = new Set<string>();
    for (const error of validate.errors ?? []) {
      const { path, message } = explain(error);
      if (message === undefined || seen.has(`${path.join(".")} ${message}`)) continue;
      seen.add(`${path.join(".")} ${message}`);
      report(offsetOf(document, path), `${path.join(".") || "the configuration"}: ${message}`);
    }
    refuse(problems.length > 0 ? problems : [`${settings.file}: ${ajv.errorsText(validate.errors)}`]);
    throw new CollectorError("QUARTET_CONFIG_INVALID", problems.join("\n"));
  }
  for (const [name, exporter] of Object.entries(raw.export)) {
    for (const { path, message } of findExporterProblems(exporter)) {
      const full = ["export", name, ...path];
      report(offsetOf(document, full), `${full.join(".")}: ${message}`);
    }
  }
  refuse(problems);
  const process = parseProcess(raw.process, ({ path, message }) =>
    report(offsetOf(document, path), `${path.join(".")}: ${message}`),
  );
  const config = convert(raw, process);
  for (const { path, message } of findContradictions(raw, config)) {
    report(offsetOf(document, path), `${path.join(".")}: ${message}`);
  }
  if (settings.isInsecure !== true) {
    for (const { path, message } of findUnsafe(config)) {
      report(offsetOf(document, path), `${path.join(".")}: ${message}`);
    }
  }
  refuse(problems);
  return config;
}

/** What the document says, as plain data. */
function plainValue(document: Document, report: (offset: number, message: string) => void): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or aliases that multiply: the parser finds both only now, and without a place.
    if (!(error instanceof ReferenceError)) throw error;
    report(0, error.message);
    return {};
  }
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new CollectorError("QUARTET_CONFIG_INVALID", problems.join("\n"));
}

interface Problem {
  readonly path: string[];
  readonly message: string;
}

/** Keys that are right by themselves and wrong together. */
function findContradictions({ receive, api }: RawConfig, config: CollectorConfig): Problem[] {
  const problems: Problem[] = [];
  const { memorySizeBytesMax, otlp } = config.receive;
  if (memorySizeBytesMax !== undefined && memorySizeBytesMax < 2 * otlp.requestSizeBytesMax) {
    const message =
      "should be twice receive.otlp.request_size_max at least: a request is held packed and unpacked";
    problems.push({ path: ["receive", "memory_max"], message });
  }
  for (const [path, tls] of [
    [["receive", "otlp", "tls"], receive.otlp.tls],
    [["api", "tls"], api.tls],
  ] as const) {
    const message = problemOfTls(tls);
    if (message !== undefined) problems.push({ path: [...path], message });
  }
  return problems;
}

/** Listeners beyond loopback that anybody could write to. */
function findUnsafe(config: CollectorConfig): Problem[] {
  const open = (address: string) => !isLoopback(parseAddress(address)!.host);
  const isGuarded = ({ tokensFile, tls }: { tokensFile: string | undefined; tls: TlsFiles | undefined }) =>
    tokensFile !== undefined || tls?.clientCaFile !== undefined;
  const mend =
    "is reachable from other machines: name a tokens_file or tls.client_ca_file beside it, or start with --insecure";
  const unsafe: Problem[] = [];
  const { otlp, zipkin } = config.receive;
  const exposed = otlp.listen.find(open);
  if (exposed !== undefined && !isGuarded(otlp)) {
    unsafe.push({ path: ["receive", "otlp", "listen"], message: `${exposed} ${mend}` });
  }
  const exposedZipkin = zipkin.listen.find(open);
  if (exposedZipkin !== undefined && otlp.tokensFile === undefined) {
    const message = `${exposedZipkin} is reachable from other machines: set receive.otlp.tokens_file, or start with --insecure`;
    unsafe.push({ path: ["receive", "zipkin", "listen"], message });
  }
  if (open(config.api.listen) && !isGuarded(config.api)) {
    unsafe.push({ path: ["api", "listen"], message: `${config.api.listen} ${mend}` });
  }
  return unsafe;
}

/** What one of ajv's errors means to the person who wrote the file. `message` is undefined for follow-up errors. */
function explain(error: ErrorObject): { path: string[]; message: string | undefined } {
  const path = error.instancePath.split("/").slice(1);
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params["additionalProperty"]);
      const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {});
      const full = [...path, key];
      const instead = keysNotServed[full.join(".")];
      if (instead !== undefined) return { path: full, message: `not available in this version; ${instead}` };
      const near = nearest(key, known);
      const hint = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`;
      return { path: full, message: `unknown key; ${hint}` };
    }
    case "format":
      return { path, message: `${show(error.data)} is ${formatMeaning[String(params["format"])]}` };
    case "enum":
      return {
        path,
        message: `${show(error.data)} is none of ${(params["allowedValues"] as unknown[]).join(", ")}`,
      };
    case "discriminator": {
      // Without a type at all, "required" tells.
      const { tag, tagValue } = params as { tag: string; tagValue?: unknown };
      const known = (error.parentSchema as { oneOf: { properties: Record<string, { const: string }> }[] })
        .oneOf;
      const types = known.map(({ properties }) => properties[tag]!.const).join(", ");
      const isThere = tagValue !== undefined;
      return {
        path: [...path, tag],
        message: isThere ? `${show(tagValue)} is none of ${types}` : undefined,
      };
    }
    case "type":
      return { path, message: `${show(error.data)} should be ${[params["type"]].flat().join(" or ")}` };
    case "required":
      return { path, message: `lacks the key ${String(params["missingProperty"])}` };
    case "pattern":
    case "propertyNames":
      return {
        path,
        message:
          error.keyword === "pattern"
            ? undefined
            : `the name ${String(params["propertyName"])} should be lower-case letters, digits, _ and -`,
      };
    case "anyOf":
      return { path, message: undefined };
    default:
      return { path, message: error.message };
  }
}

const formatMeaning: Readonly<Record<string, string>> = {
  size: "no size above zero; write a number with a unit, such as 64MiB or 10GiB",
  "journal-size": "no size of 1MiB or more; write a number with a unit, such as 10GiB",
  duration: "no duration above zero; write a number with a unit, such as 500ms, 15s or 1h30m",
  window: "no duration; write 0 or a number with a unit, such as 30s or 10m",
  origin: "no origin; write what browsers send, such as https://shop.example, or *",
  address: "no address; write host:port, such as 127.0.0.1:4318",
  "http-url": "no URL; write one that begins with http:// or https://",
};

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Where the path's last key stands in the text, or the nearest thing above it that does. */
function offsetOf(document: Document, path: readonly string[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1]!;
    const items = (parent as { items?: readonly unknown[] } | null | undefined)?.items ?? [];
    for (const [index, item] of items.entries()) {
      const pair = item as {
        key?: { value?: string | number; range?: readonly number[] };
        range?: readonly number[];
      };
      if (String(pair.key?.value ?? index) === key) return pair.key?.range?.[0] ?? pair.range?.[0] ?? 0;
    }
  }
  return 0;
}

interface RawConfig {
  receive: {
    memory_max: string | null;
    otlp: RawOtlp;
    zipkin: { listen: string[] } | null;
  };
  process: RawProcess;
  journal: { size_max: string; streams: Record<Stream, { size_max?: string }> };
  store: RawStore;
  promql: { enable_features: LanguageFeature[] };
  export: Record<string, RawExporter>;
  rules: { files: string[]; evaluation_interval: string; built_in: boolean };
  notify: { webhook: string | null };
  api: { listen: string; tokens_file: string | null; tls: RawTls; external_url: string | null };
}

function convert(raw: RawConfig, process: ProcessRules | undefined): CollectorConfig {
  const { receive, journal, store, promql, rules, notify, api } = raw;
  const half = parseSizeBytes(journal.size_max)! / 2;
  const budget = (stream: Stream) => {
    const own = journal.streams[stream].size_max;
    return own === undefined ? half : parseSizeBytes(own)!;
  };
  return {
    yaml: stringify(withoutSecrets(raw)),
    receive: {
      memorySizeBytesMax: convertSize(receive.memory_max),
      otlp: convertOtlp(receive.otlp),
      zipkin: receive.zipkin ?? { listen: [] },
    },
    process,
    journal: {
      sizeBytesMax: {
        spans: budget("spans"),
        logs: budget("logs"),
        metrics: budget("metrics"),
        series: budget("series"),
      },
    },
    store: convertStore(store),
    promql: { features: promql.enable_features },
    export: Object.entries(raw.export).map(([name, exporter]) => convertExporter(name, exporter)),
    rules: {
      files: rules.files,
      evaluationIntervalMs: parseDurationMs(rules.evaluation_interval)!,
      hasBuiltIn: rules.built_in,
    },
    notify: { webhook: notify.webhook ?? undefined },
    api: {
      listen: api.listen,
      tokensFile: api.tokens_file ?? undefined,
      tls: convertTls(api.tls),
      externalUrl: api.external_url?.replace(/\/+$/, ""),
    },
  };
}
