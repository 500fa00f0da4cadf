import { createEnvironment, type Environment, type Variables } from "./environment.ts";
import { parseEndpoint, type EndpointConfig } from "./endpoint.ts";

interface QueueConfig {
  readonly scheduleDelayMs: number;
  readonly itemCountMax: number;
  readonly sizeBytesMax: number;
  readonly batchItemCountMax: number;
}

/** undefined: the signal is recorded for nobody (`OTEL_…_EXPORTER=none`). */
export interface SignalConfig {
  readonly endpoint: EndpointConfig;
  readonly queue: QueueConfig;
}

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
const pushes = ["auto", "always", "never"] as const;
const levels = ["none", "error", "warn", "info", "debug", "verbose", "all"] as const;

export interface AgentConfig {
  readonly isDisabled: boolean;
  readonly logLevel: "none" | "error" | "warn" | "info" | "debug";
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string | number>>;
  readonly traces: SignalConfig | undefined;
  readonly logs: SignalConfig | undefined;
  readonly metrics: SignalConfig | undefined;
  readonly metricsIntervalMs: number;
  readonly metricsPush: (typeof pushes)[number];
  readonly sampler: (typeof samplers)[number];
  readonly samplerRatio: number;
  /** true: W3C trace context and baggage; otherwise the SDK builds what OTEL_PROPAGATORS names. */
  readonly hasDefaultPropagators: boolean;
  readonly spanValueLengthMax: number | undefined;
  readonly logValueLengthMax: number;
  readonly logAttributeCountMax: number;
  /** Without a host: all addresses, IPv6 and IPv4. */
  readonly admin: { readonly host: string | undefined; readonly port: number };
  readonly readyAfterMs: number;
  readonly shutdownTimeoutMs: number;
}

/** What the environment does not say. */
export interface ProcessFacts {
  /** From the nearest package.json of the main script, else its file name; `version` when a package.json has one. */
  readonly service: { readonly name: string; readonly version: string | undefined };
  readonly hostName: string;
  readonly pid: number;
  readonly nodeVersion: string;
  readonly agentVersion: string;
  readonly instanceId: string;
}

/**
 * The configuration from standard OTEL_* variables, and QUARTET_* where the standard has none. Never throws: whatever is wrong takes
 * its default and one line in `problems`.
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function parseConfig(
  variables: Variables,
  facts: ProcessFacts,
): { config: AgentConfig; problems: readonly string[] } {
  const environment = createEnvironment(variables);
  const { text, integer, number, boolean, choice } = environment;
  const level = choice("OTEL_LOG_LEVEL", levels, "warn");
  const attributes = environment.pairs("OTEL_RESOURCE_ATTRIBUTES") ?? {};
  const serviceName = text("OTEL_SERVICE_NAME")?.value ?? attributes["service.name"] ?? facts.service.name;
  const isInKubernetes = text("KUBERNETES_SERVICE_HOST") !== undefined;
  const hasLogs = exports(environment, "OTEL_LOGS_EXPORTER", ["otlp", "none"]);
  const hasMetrics = exports(environment, "OTEL_METRICS_EXPORTER", ["otlp", "prometheus", "none"]);
  const hasTraces = exports(environment, "OTEL_TRACES_EXPORTER", ["otlp", "none"]);
  const push = choice("QUARTET_METRICS_PUSH", pushes, "auto");
  const sampler = choice("OTEL_TRACES_SAMPLER", samplers, "parentbased_always_on");
  checkProtocol(environment);

  const config: AgentConfig = {
    isDisabled: boolean("OTEL_SDK_DISABLED", false),
    logLevel: level === "verbose" || level === "all" ? "debug" : level,
    serviceName,
    resourceAttributes: {
      "host.name": facts.hostName,
      "process.pid": facts.pid,
      "process.runtime.name": "nodejs",
      "process.runtime.version": facts.nodeVersion,
      "telemetry.sdk.name": "opentelemetry",
      "telemetry.sdk.language": "nodejs",
      "telemetry.distro.name": "@quartet/agent",
      "telemetry.distro.version": facts.agentVersion,
      ...(facts.service.version === undefined ? {} : { "service.version": facts.service.version }),
      "service.instance.id": facts.instanceId,
      ...attributes,
      "service.name": serviceName,
    },
    traces: hasTraces
      ? { endpoint: parseEndpoint(environment, "TRACES"), queue: parseQueue(environment, "BSP") }
      : undefined,
    logs: hasLogs
      ? { endpoint: parseEndpoint(environment, "LOGS"), queue: parseQueue(environment, "BLRP") }
      : undefined,
    metrics:
      hasMetrics && push !== "never"
        ? { endpoint: parseEndpoint(environment, "METRICS"), queue: metricsQueue(environment) }
        : undefined,
    // The standard's minute would make an alert on a metric a minute late; at one second a push costs a thousandth of a CPU.
    metricsIntervalMs: integer(["OTEL_METRIC_EXPORT_INTERVAL"], {
      otherwise: 1_000,
      min: 100,
      max: 3_600_000,
    }),
    metricsPush: push,
    sampler,
    samplerRatio: sampler.endsWith("traceidratio")
      ? number(["OTEL_TRACES_SAMPLER_ARG"], { otherwise: 1, min: 0, max: 1 })
      : 1,
    hasDefaultPropagators: hasDefaultPropagators(environment),
    spanValueLengthMax: spanValueLengthMax(environment),
    logValueLengthMax: integer(
      ["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
      { otherwise: 32_768, min: 0, max: 1_000_000 },
    ),
    logAttributeCountMax: integer(["OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"], {
      otherwise: 128,
      min: 0,
      max: 10_000,
    }),
    admin: {
      // A probe and a scraper come from outside the pod; elsewhere only this machine may look.
      host: text("OTEL_EXPORTER_PROMETHEUS_HOST")?.value ?? (isInKubernetes ? undefined : "127.0.0.1"),
      port: integer(["OTEL_EXPORTER_PROMETHEUS_PORT"], { otherwise: 9464, min: 0, max: 65_535 }),
    },
    readyAfterMs: integer(["QUARTET_READY_AFTER_MS"], { otherwise: 5_000, min: 0, max: 3_600_000 }),
    shutdownTimeoutMs: integer(["QUARTET_SHUTDOWN_TIMEOUT_MS"], { otherwise: 2_000, min: 0, max: 60_000 }),
  };
  return { config, problems: environment.problems() };
}

/** Whether a signal goes out as OTLP, from `OTEL_…_EXPORTER`, a list; nothing set means that it does. */
function exports(environment: Environment, name: string, known: readonly string[]): boolean {
  const found = environment.text(name);
  if (found === undefined) return true;
  const chosen = found.value.split(",").map((part) => part.trim().toLowerCase());
  const unknown = chosen.filter((part) => !known.includes(part));
  if (unknown.length === 0) return chosen.includes("otlp");
  environment.problem(name, found.value, `is not made of ${known.join(", ")}; otlp is used`);
  return true;
}

/** Every collector takes protobuf over HTTP; the agent speaks nothing else. */
function checkProtocol(environment: Environment): void {
  for (const name of ["", "TRACES_", "METRICS_", "LOGS_"].map(
    (part) => `OTEL_EXPORTER_OTLP_${part}PROTOCOL`,
  )) {
    const found = environment.text(name);
    if (found !== undefined && found.value !== "http/protobuf")
      environment.problem(name, found.value, "is not spoken by this agent; http/protobuf is used");
  }
}

function parseQueue(environment: Environment, prefix: "BSP" | "BLRP"): QueueConfig {
  const { integer } = environment;
  // The standard's 2048 is two seconds of a busy service: too little to outlast a collector's restart. Bytes are bounded as well.
  const itemCountMax = integer([`OTEL_${prefix}_MAX_QUEUE_SIZE`], {
    otherwise: 65_536,
    min: 1,
    max: 10_000_000,
  });
  return {
    // The standard's 5 s for spans would make every alert on traces as late.
    scheduleDelayMs: integer([`OTEL_${prefix}_SCHEDULE_DELAY`], { otherwise: 1_000, min: 1, max: 600_000 }),
    itemCountMax,
    sizeBytesMax: queueSizeBytesMax(environment),
    batchItemCountMax: Math.min(
      itemCountMax,
      integer([`OTEL_${prefix}_MAX_EXPORT_BATCH_SIZE`], { otherwise: 512, min: 1, max: 1_000_000 }),
    ),
  };
}

function metricsQueue(environment: Environment): QueueConfig {
  return {
    scheduleDelayMs: 1_000,
    itemCountMax: 1_000_000,
    sizeBytesMax: queueSizeBytesMax(environment),
    batchItemCountMax: 65_536,
  };
}

function queueSizeBytesMax({ integer }: Environment): number {
  return integer(["QUARTET_QUEUE_SIZE_BYTES_MAX"], {
    otherwise: 16 * 1024 * 1024,
    min: 65_536,
    max: 2 ** 31,
  });
}

function hasDefaultPropagators(environment: Environment): boolean {
  const known = ["tracecontext", "baggage", "b3", "b3multi", "none"];
  const found = environment.text("OTEL_PROPAGATORS");
  if (found === undefined) return true;
  const chosen = found.value.split(",").map((part) => part.trim());
  if (chosen.some((part) => !known.includes(part))) {
    environment.problem(
      "OTEL_PROPAGATORS",
      found.value,
      `is not made of ${known.join(", ")}; tracecontext,baggage is used`,
    );
    return true;
  }
  return chosen.toSorted().join(",") === "baggage,tracecontext";
}

/** undefined: the SDK reads the standard variables itself. Without them a value ends at 4 KiB, as the standard has no limit at all. */
function spanValueLengthMax({ text }: Environment): number | undefined {
  const isSet =
    text("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT") !== undefined;
  return isSet ? undefined : 4_096;
}
