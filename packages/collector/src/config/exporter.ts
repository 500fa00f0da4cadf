import { parseDurationMs } from "./units.ts";

type Signal = "traces" | "logs" | "metrics";

interface ExporterCommon {
  readonly name: string;
  readonly endpoint: string;
  readonly signals: readonly Signal[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

interface OtlpHttpExporterConfig extends ExporterCommon {
  readonly type: "otlp_http";
  readonly compression: "none" | "gzip" | "zstd";
}

/** One entry of `export`; `type` says which back end it speaks to. */
export type ExporterConfig = OtlpHttpExporterConfig;

/** An exporter as it stands in the file, defaults filled in. */
export type RawExporter = Omit<ExporterConfig, "name" | "timeoutMs"> & { readonly timeout: string };

export function convertExporter(name: string, { timeout, ...exporter }: RawExporter): ExporterConfig {
  return { ...exporter, name, timeoutMs: parseDurationMs(timeout)! };
}

/** Keys that every type takes. */
const common = {
  headers: { type: "object", additionalProperties: { type: "string" }, default: {} },
  timeout: { type: "string", format: "duration", default: "10s" },
};

const ofType = (type: ExporterConfig["type"], properties: Readonly<Record<string, object>>): object => ({
  additionalProperties: false,
  properties: { type: { const: type }, ...properties, ...common },
});

const signals = (...known: readonly Signal[]): object => ({
  type: "array",
  minItems: 1,
  uniqueItems: true,
  items: { enum: known },
});

/** JSON Schema of one exporter: a union told apart by `type`. */
export const exporterSchema: object = {
  type: "object",
  required: ["type", "endpoint", "signals"],
  discriminator: { propertyName: "type" },
  oneOf: [
    ofType("otlp_http", {
      endpoint: {
        type: "string",
        format: "http-url",
        description: "Base address; /v1/traces and so on are appended.",
      },
      signals: signals("traces", "logs", "metrics"),
      compression: { enum: ["none", "gzip", "zstd"], default: "none" },
    }),
  ],
};
