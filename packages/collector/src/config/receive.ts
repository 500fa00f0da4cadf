import type { TlsFiles } from "./tls.ts";
import { parseSizeBytes } from "./units.ts";

export interface OtlpConfig {
  readonly listen: readonly string[];
  readonly requestSizeBytesMax: number;
  readonly tokensFile: string | undefined;
  readonly tls: TlsFiles | undefined;
  readonly corsOrigins: readonly string[];
  readonly rateLimit: {
    readonly requestsPerSecond: number | undefined;
    readonly bytesPerSecond: number | undefined;
  };
}

/** As browsers write it: no path, and no port where it is the usual one. */
const originForm = /^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?)$/;

export function isOrigin(text: string): boolean {
  return originForm.test(text);
}

const file = { type: ["string", "null"], default: null } as const;

/** Of every listener. */
export const tlsSchema: object = {
  type: "object",
  additionalProperties: false,
  default: {},
  properties: {
    cert_file: { ...file, description: "Certificate in PEM, with those between it and the root." },
    key_file: { ...file, description: "Its key. Both are read again when they change." },
    client_ca_file: {
      ...file,
      description: "Clients must show a certificate of one of these authorities.",
    },
  },
};

const sizeOrNone = { anyOf: [{ type: "string", format: "size" }, { type: "null" }], default: null };

export const memorySchema: object = {
  ...sizeOrNone,
  description:
    "Memory for all requests under way; default a quarter of what the process may use, 256MiB at most.",
};

/** Keys of receive.otlp that say who may send, and how much. */
export const otlpGuardSchema: Record<string, object> = {
  tokens_file: { ...file, description: "One bearer token a line; read again when it changes." },
  tls: tlsSchema,
  cors_origins: {
    type: "array",
    items: { type: "string", format: "origin" },
    default: [],
    description: "Web pages that may send, such as https://shop.example or https://*.example; * lets all.",
  },
  rate_limit: {
    type: "object",
    additionalProperties: false,
    default: {},
    description: "Of each token; without tokens of each client certificate or address.",
    properties: {
      requests_per_second: { type: ["integer", "null"], minimum: 1, default: null },
      bytes_per_second: { ...sizeOrNone, description: "After decompression." },
    },
  },
};

/** Null: nothing is opened. */
export const zipkinSchema: object = {
  type: ["object", "null"],
  additionalProperties: false,
  default: null,
  description:
    "Zipkin v2 JSON, for the clients of receive.otlp: beyond loopback its tokens_file is required.",
  properties: {
    listen: {
      type: "array",
      items: { type: "string", format: "address" },
      default: ["127.0.0.1:9411"],
    },
  },
};

export interface RawTls {
  readonly cert_file: string | null;
  readonly key_file: string | null;
  readonly client_ca_file: string | null;
}

/** receive.otlp as it stands in the file, defaults filled in. */
export interface RawOtlp {
  readonly listen: readonly string[];
  readonly request_size_max: string;
  readonly tokens_file: string | null;
  readonly tls: RawTls;
  readonly cors_origins: readonly string[];
  readonly rate_limit: {
    readonly requests_per_second: number | null;
    readonly bytes_per_second: string | null;
  };
}

export function convertOtlp(raw: RawOtlp): OtlpConfig {
  return {
    listen: raw.listen,
    requestSizeBytesMax: parseSizeBytes(raw.request_size_max)!,
    tokensFile: raw.tokens_file ?? undefined,
    tls: convertTls(raw.tls),
    corsOrigins: raw.cors_origins,
    rateLimit: {
      requestsPerSecond: raw.rate_limit.requests_per_second ?? undefined,
      bytesPerSecond: convertSize(raw.rate_limit.bytes_per_second),
    },
  };
}

export function convertTls({ cert_file, key_file, client_ca_file }: RawTls): TlsFiles | undefined {
  if (cert_file === null || key_file === null) return undefined;
  return { certFile: cert_file, keyFile: key_file, clientCaFile: client_ca_file ?? undefined };
}

export function convertSize(text: string | null): number | undefined {
  return text === null ? undefined : parseSizeBytes(text);
}

/** What is wrong with the keys of a `tls` section together. */
export function problemOfTls({ cert_file, key_file, client_ca_file }: RawTls): string | undefined {
  const isHalf = (cert_file === null) !== (key_file === null);
  return isHalf || (cert_file === null && client_ca_file !== null)
    ? "needs cert_file and key_file"
    : undefined;
}
