import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseConfig, type ProcessFacts } from "./config.ts";
import { serviceOfScript } from "./service-name.ts";

const facts: ProcessFacts = {
  service: { name: "from-package", version: "1.2.3" },
  hostName: "h",
  pid: 42,
  nodeVersion: "24.0.0",
  agentVersion: "0.1.0",
  instanceId: "id",
};
const parse = (variables: Record<string, string>) => parseConfig(variables, facts);
const configOf = (variables: Record<string, string>) => {
  const { config, problems } = parse(variables);
  expect(problems).toEqual([]);
  return config;
};

test("without any variable: the collector on this machine, one second, all signals", () => {
  const config = configOf({});
  expect(config.traces?.endpoint.url.href).toBe("http://127.0.0.1:4318/v1/traces");
  expect(config.logs?.endpoint.url.href).toBe("http://127.0.0.1:4318/v1/logs");
  expect(config.metrics?.endpoint.url.href).toBe("http://127.0.0.1:4318/v1/metrics");
  expect(config.traces).toMatchObject({
    endpoint: { timeoutMs: 10_000, compression: "none", headers: {}, tls: {} },
    queue: { scheduleDelayMs: 1_000, batchItemCountMax: 512, sizeBytesMax: 16 * 1024 * 1024 },
  });
  expect(config).toMatchObject({
    isDisabled: false,
    logLevel: "warn",
    serviceName: "from-package",
    metricsIntervalMs: 1_000,
    metricsPush: "auto",
    sampler: "parentbased_always_on",
    hasDefaultPropagators: true,
    admin: { host: "127.0.0.1", port: 9464 },
    spanValueLengthMax: 4_096,
  });
  expect(config.resourceAttributes).toMatchObject({
    "service.name": "from-package",
    "service.version": "1.2.3",
    "service.instance.id": "id",
    "host.name": "h",
    "process.pid": 42,
  });
});

test("the service's name: its variable, then the resource attributes, then what was found", () => {
  const nameOf = (variables: Record<string, string>) =>
    configOf(variables).resourceAttributes["service.name"];
  expect(nameOf({ OTEL_RESOURCE_ATTRIBUTES: "service.name=b", OTEL_SERVICE_NAME: "a" })).toBe("a");
  expect(nameOf({ OTEL_RESOURCE_ATTRIBUTES: "service.name=b" })).toBe("b");
  expect(nameOf({})).toBe("from-package");
  const { resourceAttributes } = configOf({
    OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=own,service.version=9",
  });
  expect(resourceAttributes).toMatchObject({ "service.instance.id": "own", "service.version": "9" });
});

test("a signal's own endpoint stands as it is; the common one gets the signal's path", () => {
  const config = configOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.example:4318/base/",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://localhost/elsewhere",
    OTEL_EXPORTER_OTLP_HEADERS: "a=1",
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: "b=2",
    OTEL_EXPORTER_OTLP_TIMEOUT: "5",
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "6",
  });
  expect(config.traces?.endpoint).toMatchObject({ headers: { a: "1" }, timeoutMs: 5, compression: "gzip" });
  expect(config.traces?.endpoint.url.href).toBe("https://c.example:4318/base/v1/traces");
  expect(config.logs?.endpoint).toMatchObject({ headers: { b: "2" }, timeoutMs: 6, compression: "none" });
  expect(config.logs?.endpoint.url.href).toBe("http://localhost/elsewhere");
});

test("compression: none on loopback, gzip elsewhere, or what is asked for", () => {
  const check = (endpoint: string, asked: string, compression: string) =>
    expect(
      configOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_COMPRESSION: asked }).traces
        ?.endpoint.compression,
    ).toBe(compression);
  check("http://127.0.0.1:4318", "", "none");
  check("http://127.9.9.9:4318", "", "none");
  check("http://localhost:4318", "", "none");
  check("http://[::1]:4318", "", "none");
  check("http://quartet-collector:4318", "", "gzip");
  check("http://quartet-collector:4318", "none", "none");
  check("http://127.0.0.1:4318", "gzip", "gzip");
});

test("exporters: none and prometheus push nothing, unknown ones are said", () => {
  expect(configOf({ OTEL_TRACES_EXPORTER: "none" }).traces).toBeUndefined();
  expect(configOf({ OTEL_LOGS_EXPORTER: "none" }).logs).toBeUndefined();
  expect(configOf({ OTEL_METRICS_EXPORTER: "none" }).metrics).toBeUndefined();
  expect(configOf({ OTEL_METRICS_EXPORTER: "prometheus" }).metrics).toBeUndefined();
  expect(configOf({ OTEL_METRICS_EXPORTER: "otlp,prometheus" }).metrics).toBeDefined();
  expect(configOf({ QUARTET_METRICS_PUSH: "never" }).metrics).toBeUndefined();
  const { config, problems } = parse({ OTEL_TRACES_EXPORTER: "zipkin" });
  expect(config.traces).toBeDefined();
  expect(problems).toEqual(['OTEL_TRACES_EXPORTER="zipkin" is not made of otlp, none; otlp is used']);
});

test("a wrong common variable is one problem, though three signals read it", () => {
  expect(parse({ OTEL_EXPORTER_OTLP_ENDPOINT: "nowhere" }).problems).toHaveLength(1);
  expect(parse({ QUARTET_QUEUE_SIZE_BYTES_MAX: "lots" }).problems).toHaveLength(1);
  expect(parse({ OTEL_EXPORTER_OTLP_CERTIFICATE: "/no/such/file.pem" }).problems).toHaveLength(1);
});

test("samplers take their ratio only where they have one", () => {
  expect(
    configOf({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }).samplerRatio,
  ).toBe(0.25);
  expect(configOf({ OTEL_TRACES_SAMPLER: "always_on", OTEL_TRACES_SAMPLER_ARG: "x" }).samplerRatio).toBe(1);
  const { config, problems } = parse({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" });
  expect(config.samplerRatio).toBe(1);
  expect(problems).toHaveLength(1);
});

test("propagators: the default pair in any order, others by the SDK, unknown ones said", () => {
  expect(configOf({ OTEL_PROPAGATORS: "baggage, tracecontext" }).hasDefaultPropagators).toBe(true);
  expect(configOf({ OTEL_PROPAGATORS: "b3" }).hasDefaultPropagators).toBe(false);
  expect(configOf({ OTEL_PROPAGATORS: "tracecontext" }).hasDefaultPropagators).toBe(false);
  const { config, problems } = parse({ OTEL_PROPAGATORS: "xray" });
  expect(config.hasDefaultPropagators).toBe(true);
  expect(problems).toHaveLength(1);
});

test("inside Kubernetes the admin port is on all addresses, unless a host is set", () => {
  expect(configOf({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }).admin.host).toBeUndefined();
  expect(
    configOf({ KUBERNETES_SERVICE_HOST: "10.0.0.1", OTEL_EXPORTER_PROMETHEUS_HOST: "::1" }).admin.host,
  ).toBe("::1");
});

test("length limits that are set for the SDK are left to it", () => {
  expect(configOf({ OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "10" })).toMatchObject({
    spanValueLengthMax: undefined,
    logValueLengthMax: 10,
  });
});

test("a batch is never larger than the queue", () => {
  expect(configOf({ OTEL_BSP_MAX_QUEUE_SIZE: "10" }).traces?.queue).toMatchObject({
    itemCountMax: 10,
    batchItemCountMax: 10,
  });
});

test("an installed script is not the service: the working directory's package is", () => {
  const cwd = mkdtempSync(join(tmpdir(), "quartet-names-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, "package.json"), JSON.stringify({ name: "shop", version: 7 }));
  const script = join(cwd, "node_modules", "next", "dist", "bin", "next");
  expect(serviceOfScript({ script, cwd })).toEqual({ name: "shop", version: undefined });
  expect(serviceOfScript({ script: undefined, cwd })).toEqual({ name: "node", version: undefined });
  writeFileSync(join(cwd, "package.json"), "{ not json");
  expect(serviceOfScript({ script: join(cwd, "job.mjs"), cwd }).name).toBe("job");
});
