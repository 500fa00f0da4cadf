import {
  convertElasticsearchKeys,
  elasticsearchSchema,
  elasticsearchTimeout,
  findElasticsearchProblems,
  type ElasticsearchKeys,
  type RawElasticsearchKeys,
} from "./elasticsearch-exporter.ts";
import { parseDurationMs } from "./units.ts";

type Signal = "traces" | "logs" | "metrics";

/** How an exporter shows who it is. */
export type ExporterAuth =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly tokenFile: string }
  | { readonly kind: "basic"; readonly username: string; readonly passwordFile: string };

interface ExporterCommon {
  readonly name: string;
  readonly endpoint: string;
  readonly signals: readonly Signal[];
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: ExporterAuth;
  readonly tls: {
    readonly caFile: string | undefined;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly serverName: string | undefined;
    readonly insecureSkipVerify: boolean;
  };
  readonly proxy: string | undefined;
  readonly timeoutMs: number;
}

interface OtlpHttpExporterConfig extends ExporterCommon {
  readonly type: "otlp_http";
  readonly compression: "none" | "gzip" | "zstd";
}

interface OtlpGrpcExporterConfig extends ExporterCommon {
  readonly type: "otlp_grpc";
  readonly compression: "none" | "gzip" | "zstd";
}

interface RemoteWriteExporterConfig extends ExporterCommon {
  readonly type: "prometheus_remote_write";
  /** Put on every series that has no label of that name. */
  readonly externalLabels: Readonly<Record<string, string>>;
}

interface ElasticsearchExporterConfig extends ExporterCommon, ElasticsearchKeys {
  readonly type: "elasticsearch";
}

/** One entry of `export`; `type` says which back end it speaks to. */
export type ExporterConfig =
  | OtlpHttpExporterConfig
  | OtlpGrpcExporterConfig
  | ElasticsearchExporterConfig
  | RemoteWriteExporterConfig;

interface RawCommon {
  readonly endpoint: string;
  readonly auth: {
    readonly bearer_token_file: string | null;
    readonly username: string | null;
    readonly password_file: string | null;
  };
  readonly tls: {
    readonly ca_file: string | null;
    readonly cert_file: string | null;
    readonly key_file: string | null;
    readonly server_name: string | null;
    readonly insecure_skip_verify: boolean;
  };
  readonly proxy: string | null;
  readonly timeout: string;
}

type Own<T> = T extends ExporterConfig
  ? Omit<T, keyof RawCommon | "name" | "timeoutMs" | "externalLabels" | keyof ElasticsearchKeys> &
      (T extends RemoteWriteExporterConfig
        ? { readonly external_labels: Readonly<Record<string, string>> }
        : T extends ElasticsearchExporterConfig
          ? RawElasticsearchKeys
          : Pick<T, Extract<keyof T, "compression">>)
  : never;

/** An exporter as it stands in the file, defaults filled in. */
export type RawExporter = RawCommon & Own<ExporterConfig>;

/** What the schema cannot see: keys of an exporter that do not go together, each with its place. */
export function findExporterProblems(raw: RawExporter): {
  readonly path: readonly string[];
  readonly message: string;
}[] {
  const { endpoint, auth, tls, proxy } = raw;
  const problems = raw.type === "elasticsearch" ? findElasticsearchProblems(raw) : [];
  const hasUser = auth.username !== null || auth.password_file !== null;
  if (auth.bearer_token_file !== null && hasUser)
    problems.push({ path: ["auth"], message: "has both a bearer token and a user; leave one of them off" });
  if ((auth.username === null) !== (auth.password_file === null))
    problems.push({ path: ["auth"], message: "username and password_file belong together" });
  if ((tls.cert_file === null) !== (tls.key_file === null))
    problems.push({ path: ["tls"], message: "cert_file and key_file belong together" });
  const { ca_file, cert_file, server_name, insecure_skip_verify } = tls;
  const wantsTls = [ca_file, cert_file, server_name].some((value) => value !== null) || insecure_skip_verify;
  if (wantsTls && endpoint.startsWith("http:"))
    problems.push({
      path: ["tls"],
      message: "is of no use with an endpoint that begins with http:; write https:",
    });
  if (proxy !== null && !proxy.startsWith("http:"))
    problems.push({
      path: ["proxy"],
      message: "speaks to the proxy itself in the clear; write http://host:port",
    });
  else if (proxy !== null && /%(?![0-9a-f]{2})/i.test(new URL(proxy).username + new URL(proxy).password))
    problems.push({
      path: ["proxy"],
      message: 'has a user or password with a "%" of its own; write it as %25',
    });
  return problems;
}

export function convertExporter(name: string, raw: RawExporter): ExporterConfig {
  const { timeout, auth, tls, proxy, ...exporter } = raw;
  const common = {
    name,
    auth: convertAuth(auth),
    tls: {
      caFile: tls.ca_file ?? undefined,
      certFile: tls.cert_file ?? undefined,
      keyFile: tls.key_file ?? undefined,
      serverName: tls.server_name ?? undefined,
      insecureSkipVerify: tls.insecure_skip_verify,
    },
    proxy: proxy ?? undefined,
    timeoutMs: parseDurationMs(timeout)!,
  };
  switch (exporter.type) {
    case "otlp_http":
    case "otlp_grpc":
      return { ...exporter, ...common };
    case "elasticsearch": {
      const { type, endpoint, signals: wanted, headers, ...own } = exporter;
      return { type, endpoint, signals: wanted, headers, ...common, ...convertElasticsearchKeys(own) };
    }
    case "prometheus_remote_write": {
      const { external_labels: externalLabels, ...own } = exporter;
      return { ...own, ...common, externalLabels };
    }
  }
}

function convertAuth(auth: RawExporter["auth"]): ExporterAuth {
  if (auth.bearer_token_file !== null) return { kind: "bearer", tokenFile: auth.bearer_token_file };
  if (auth.username === null || auth.password_file === null) return { kind: "none" };
  return { kind: "basic", username: auth.username, passwordFile: auth.password_file };
}

const text = (description: string): object => ({
  type: ["string", "null"],
  minLength: 1,
  default: null,
  description,
});

/** Keys that every type takes. */
const common = {
  headers: {
    type: "object",
    additionalProperties: { type: "string" },
    default: {},
    description: "Sent with every request.",
  },
  auth: {
    type: "object",
    additionalProperties: false,
    default: {},
    properties: {
      bearer_token_file: text("Holds the token; read again when it changes."),
      username: text("With password_file, for basic authentication."),
      password_file: text("Read again when it changes."),
    },
  },
  tls: {
    type: "object",
    additionalProperties: false,
    default: {},
    properties: {
      ca_file: text(
        "Authorities that may sign the server's certificate, instead of the system's. Files are read again when they change.",
      ),
      cert_file: text("Our own certificate, when the server asks for one."),
      key_file: text("Its private key."),
      server_name: text("The name to ask for and to check, when it is not the endpoint's."),
      insecure_skip_verify: {
        type: "boolean",
        default: false,
        description: "Takes any certificate: whoever stands in between can read along.",
      },
    },
  },
  proxy: {
    anyOf: [{ type: "string", format: "http-url" }, { type: "null" }],
    default: null,
    description: "HTTP proxy, as in http://user:password@proxy:3128.",
  },
  timeout: {
    type: "string",
    format: "duration",
    default: "10s",
    description: "An attempt without an answer ends after this, and the next one begins.",
  },
};

const ofType = (type: ExporterConfig["type"], properties: Readonly<Record<string, object>>): object => ({
  additionalProperties: false,
  properties: { type: { const: type }, ...common, ...properties },
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
    ofType("otlp_grpc", {
      endpoint: {
        type: "string",
        format: "http-url",
        description: "https://host:port, or http://host:port for HTTP/2 without TLS.",
      },
      signals: signals("traces", "logs", "metrics"),
      compression: { enum: ["none", "gzip", "zstd"], default: "none" },
    }),
    ofType("elasticsearch", {
      ...elasticsearchSchema,
      signals: signals("logs"),
      timeout: { ...common.timeout, default: elasticsearchTimeout },
    }),
    ofType("prometheus_remote_write", {
      endpoint: {
        type: "string",
        format: "http-url",
        description: "Where samples are written to, as in http://127.0.0.1:9090/api/v1/write.",
      },
      signals: signals("metrics"),
      external_labels: {
        type: "object",
        propertyNames: { pattern: "^[a-zA-Z_][a-zA-Z0-9_]*$" },
        additionalProperties: { type: "string", minLength: 1 },
        default: {},
        description: "Put on every series that has no label of that name.",
      },
    }),
  ],
};
