import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { jaegerIndexPrefix, users } from "./elasticsearch-users.ts";
import { hostOf, nameOf, ports, selectorLabels } from "./names.ts";
import { containerBase, httpProbe, podTemplate, restricted, tcpProbe } from "./pod.ts";
import { service } from "./service.ts";
import type { Manifest } from "./types.ts";
import { toYaml } from "./yaml.ts";

const configDir = "/etc/jaeger";
const passwordDir = "/etc/jaeger-password";

/**
 * Jaeger 2's configuration: OTLP in, Elasticsearch behind, one index a day.
 * @see https://www.jaegertracing.io/docs/latest/deployment/configuration/
 */
function buildJaegerConfig({ settings }: BuildContext): Readonly<Record<string, unknown>> {
  const all = (port: number): { readonly endpoint: string } => ({ endpoint: `0.0.0.0:${port}` });
  const { jaeger, elasticsearch } = ports;
  // Elasticsearch has one node: a replica would stay unassigned and the index yellow.
  const index = { shards: 1, replicas: 0 };
  return {
    service: {
      extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
      pipelines: {
        traces: { receivers: ["otlp"], processors: ["batch"], exporters: ["jaeger_storage_exporter"] },
      },
      telemetry: {
        resource: { "service.name": "jaeger" },
        metrics: {
          readers: [{ pull: { exporter: { prometheus: { host: "0.0.0.0", port: jaeger.metrics } } } }],
        },
      },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: all(jaeger.health) },
      jaeger_query: {
        storage: { traces: "main" },
        http: all(jaeger.query),
        // Nobody asks over gRPC; it cannot be switched off, only kept inside the pod.
        grpc: { endpoint: "127.0.0.1:16685" },
        // Else it records every look at a trace as a trace of its own.
        enable_tracing: false,
      },
      jaeger_storage: {
        backends: {
          main: {
            elasticsearch: {
              server_urls: [`http://${hostOf("elasticsearch", settings.namespace)}:${elasticsearch.http}`],
              auth: { basic: { username: users.jaeger, password_file: `${passwordDir}/password` } },
              create_mappings: true,
              indices: {
                index_prefix: jaegerIndexPrefix,
                spans: index,
                services: index,
                dependencies: index,
                sampling: index,
              },
            },
          },
        },
      },
    },
    receivers: {
      otlp: { protocols: { grpc: all(jaeger["otlp-grpc"]), http: all(jaeger["otlp-http"]) } },
    },
    processors: { batch: {} },
    exporters: { jaeger_storage_exporter: { trace_storage: "main" } },
  };
}

export function buildJaeger(context: BuildContext): readonly Manifest[] {
  const { settings, credentials } = context;
  const name = nameOf("jaeger");
  const config = buildJaegerConfig(context);
  const template = podTemplate(context, {
    component: "jaeger",
    user: { uid: 10_001, gid: 10_001, fsGroup: 10_001 },
    serviceAccountName: name,
    terminationGracePeriodSeconds: 60,
    configuration: config,
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(ports.jaeger.metrics),
    },
    container: {
      ...containerBase(context, "jaeger"),
      args: [`--config=${configDir}/config.yaml`],
      resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { cpu: "1", memory: "512Mi" } },
      securityContext: restricted,
      readinessProbe: httpProbe("health", "/status", { periodSeconds: 5, failureThreshold: 3 }),
      // Not the health check: a slow Elasticsearch is no reason to start Jaeger anew.
      livenessProbe: tcpProbe("otlp-http", { periodSeconds: 10, failureThreshold: 6 }),
      startupProbe: httpProbe("health", "/status", { periodSeconds: 5, failureThreshold: 60 }),
      volumeMounts: [
        { name: "config", mountPath: configDir, readOnly: true },
        { name: "password", mountPath: passwordDir, readOnly: true },
      ],
    },
    volumes: [
      { name: "config", configMap: { name } },
      { name: "password", secret: { secretName: name, defaultMode: 0o440 } },
    ],
  });
  return [
    serviceAccount(context, "jaeger", name),
    configMap(context, "jaeger", { name, data: { "config.yaml": toYaml(config) } }),
    secret(componentMeta(context, "jaeger", { name }), { password: credentials.jaegerPassword }),
    service(context, "jaeger", ["otlp-grpc", "otlp-http", "query"]),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: componentMeta(context, "jaeger", { name }),
      spec: {
        replicas: 1,
        selector: { matchLabels: selectorLabels("jaeger", settings.namespace) },
        strategy: { type: "RollingUpdate" },
        template,
      },
    },
  ];
}
