import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { collectorRules } from "./rules.ts";
import { hostOf, nameOf, ports } from "./names.ts";
import { containerBase, httpProbe, podTemplate, restricted, statefulSetOfOne } from "./pod.ts";
import { service } from "./service.ts";
import type { Manifest } from "./types.ts";
import { toYaml } from "./yaml.ts";

const configDir = "/etc/quartet";
const tokensDir = "/etc/quartet-tokens";
const rulesDir = "/etc/quartet-rules";
const dataDir = "/var/lib/quartet";
const tokenFiles = { otlp: "otlp-tokens", api: "api-tokens" } as const;
const webhookVariable = "QUARTET_WEBHOOK";
/** The journal's budgets below leave a fifth of it to the series' snapshots and to what compression needs meanwhile. */
const storage = "20Gi";

/**
 * The collector's configuration file. It listens on all addresses, so both listeners name a file of tokens.
 * @see design.md §2, "The shape of the collector's configuration"
 */
function buildCollectorConfig({ settings }: BuildContext): Readonly<Record<string, unknown>> {
  const { collector, jaeger, prometheus } = ports;
  return {
    receive: {
      otlp: {
        listen: [`0.0.0.0:${collector["otlp-grpc"]}`, `0.0.0.0:${collector["otlp-http"]}`],
        tokens_file: `${tokensDir}/${tokenFiles.otlp}`,
      },
    },
    journal: {
      size_max: "16GiB",
      streams: {
        spans: { size_max: "8GiB" },
        logs: { size_max: "4GiB" },
        metrics: { size_max: "2GiB" },
        series: { size_max: "2GiB" },
      },
    },
    store: { size_max: "3GiB" },
    export: {
      jaeger: {
        type: "otlp_http",
        endpoint: `http://${hostOf("jaeger", settings.namespace)}:${jaeger["otlp-http"]}`,
        signals: ["traces"],
      },
      prometheus: {
        type: "prometheus_remote_write",
        endpoint: `http://${hostOf("prometheus", settings.namespace)}:${prometheus.web}/api/v1/write`,
        signals: ["metrics"],
      },
    },
    rules: {
      // By name: a pattern that matches nothing is an error.
      files: Object.keys(collectorRules(settings)).map((file) => `${rulesDir}/${file}`),
      evaluation_interval: "15s",
    },
    notify: { webhook: settings.webhook === undefined ? null : `\${${webhookVariable}}` },
    api: {
      listen: `0.0.0.0:${collector.api}`,
      tokens_file: `${tokensDir}/${tokenFiles.api}`,
    },
  };
}

/** One collector with its volume: it alone derives and evaluates (design.md §1.11). */
export function buildCollector(context: BuildContext): readonly Manifest[] {
  const { settings, credentials } = context;
  const name = nameOf("collector");
  const config = buildCollectorConfig(context);
  const rules = collectorRules(settings);
  const template = podTemplate(context, {
    component: "collector",
    user: { uid: 10_001, gid: 10_001, fsGroup: 10_001 },
    serviceAccountName: name,
    // It stops accepting, syncs and snapshots within 10 s.
    terminationGracePeriodSeconds: 30,
    configuration: { config, rules, webhook: settings.webhook ?? null },
    container: {
      ...containerBase(context, "collector"),
      args: [`--config=${configDir}/collector.yaml`, `--data-dir=${dataDir}`],
      ...(settings.webhook === undefined
        ? {}
        : { env: [{ name: webhookVariable, valueFrom: { secretKeyRef: { name, key: "webhook" } } }] }),
      resources: { requests: { cpu: "250m", memory: "512Mi" }, limits: { cpu: "2", memory: "1Gi" } },
      securityContext: restricted,
      // Reading a long journal again takes its time; until then it is alive and not ready.
      readinessProbe: httpProbe("api", "/-/ready", { periodSeconds: 5, failureThreshold: 3 }),
      livenessProbe: httpProbe("api", "/-/healthy", { periodSeconds: 10, failureThreshold: 6 }),
      volumeMounts: [
        { name: "config", mountPath: configDir, readOnly: true },
        { name: "rules", mountPath: rulesDir, readOnly: true },
        { name: "tokens", mountPath: tokensDir, readOnly: true },
        { name: "data", mountPath: dataDir },
      ],
    },
    volumes: [
      { name: "config", configMap: { name } },
      { name: "rules", configMap: { name: "quartet-rules" } },
      { name: "tokens", secret: { secretName: name, defaultMode: 0o440 } },
    ],
  });
  return [
    serviceAccount(context, "collector", name),
    configMap(context, "collector", { name, data: { "collector.yaml": toYaml(config) } }),
    configMap(context, "collector", { name: "quartet-rules", data: rules }),
    secret(componentMeta(context, "collector", { name }), {
      [tokenFiles.otlp]: `${credentials.otlpToken}\n`,
      [tokenFiles.api]: `${credentials.apiToken}\n`,
      ...(settings.webhook === undefined ? {} : { webhook: settings.webhook }),
    }),
    service(context, "collector", ["otlp-grpc", "otlp-http", "api"]),
    statefulSetOfOne(context, "collector", { template, storage }),
  ];
}
