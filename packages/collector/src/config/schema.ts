import { languageFeatureNames } from "../model/index.ts";
import { exporterSchema } from "./exporter.ts";
import { processProperties } from "./process.ts";
import { memorySchema, otlpGuardSchema, tlsSchema, zipkinSchema } from "./receive.ts";
import { storeProperties } from "./store.ts";

/** Sizes above zero: a number of bytes or a number with B, KiB, MiB, GiB, KB, MB, GB. */
const size = { type: "string", format: "size" } as const;
/** A journal holds a few segments at least, or it would refuse everything. */
const journalSize = { type: "string", format: "journal-size" } as const;
/** Durations above zero: Prometheus' form, such as 500ms, 15s, 1m30s, 2h. */
const duration = { type: "string", format: "duration" } as const;
/** host:port; an IPv6 host stands in brackets. Port 0 takes a free one. */
const address = { type: "string", format: "address" } as const;
const url = { type: "string", format: "http-url" } as const;
const file = { type: ["string", "null"] } as const;

const section = (properties: Record<string, object>): object => ({
  type: "object",
  additionalProperties: false,
  default: {},
  properties,
});

const streamBudget = section({
  size_max: { ...journalSize, description: "Disk that this stream may take." },
});

/** JSON Schema of the collector's configuration, with every default. Editors take it as it is. */
export const configSchema: object = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Quartet collector",
  type: "object",
  additionalProperties: false,
  properties: {
    receive: section({
      memory_max: memorySchema,
      otlp: section({
        listen: {
          type: "array",
          items: address,
          default: ["127.0.0.1:4317", "127.0.0.1:4318"],
          description: "Addresses for OTLP. Beyond loopback tokens_file or tls.client_ca_file is required.",
        },
        request_size_max: { ...size, default: "64MiB", description: "Largest request after decompression." },
        ...otlpGuardSchema,
      }),
      zipkin: zipkinSchema,
    }),
    process: section(processProperties),
    journal: section({
      size_max: {
        ...journalSize,
        default: "10GiB",
        description: "Disk for all streams; each gets half unless it has its own.",
      },
      streams: section({
        spans: streamBudget,
        logs: streamBudget,
        metrics: streamBudget,
        series: streamBudget,
      }),
    }),
    store: section(storeProperties),
    promql: section({
      enable_features: {
        type: "array",
        items: { type: "string", enum: languageFeatureNames },
        uniqueItems: true,
        default: [],
        description:
          "Experimental parts of PromQL, by the names that Prometheus' --enable-feature has for them.",
      },
    }),
    export: {
      type: "object",
      default: {},
      propertyNames: { pattern: "^[a-z][a-z0-9_-]*$" },
      additionalProperties: exporterSchema,
    },
    rules: section({
      files: {
        type: "array",
        items: { type: "string" },
        default: [],
        description: "Prometheus rule files; * stands for any name.",
      },
      evaluation_interval: { ...duration, default: "15s" },
      built_in: {
        type: "boolean",
        default: true,
        description: "Alerts on the collector itself: an exporter that waits for you, data about to be lost.",
      },
    }),
    notify: section({
      webhook: {
        anyOf: [url, { type: "null" }],
        default: null,
        description: "Gets Alertmanager's payload, version 4.",
      },
    }),
    api: section({
      listen: { ...address, default: "127.0.0.1:4004" },
      tokens_file: { ...file, default: null, description: "Bearer tokens for the API; probes need none." },
      tls: tlsSchema,
      external_url: {
        anyOf: [url, { type: "null" }],
        default: null,
        description: "How people reach the API; links in alerts begin with it.",
      },
    }),
  },
};

/** Keys of the documented shape that this version does not serve, each with what to do instead. */
export const keysNotServed: Readonly<Record<string, string>> = {
  "notify.file": "use notify.webhook with the address of one receiver",
};
