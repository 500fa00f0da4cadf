import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { agentMetricsPort, hostOf, nameOf, ports } from "./names.ts";
import { containerBase, httpProbe, podTemplate, restricted, statefulSetOfOne } from "./pod.ts";
import { clusterReader } from "./rbac.ts";
import { stackRules } from "./rules.ts";
import { service } from "./service.ts";
import type { Manifest } from "./types.ts";
import { toYaml } from "./yaml.ts";

const configDir = "/etc/prometheus";
const tokenDir = "/etc/prometheus-token";
const dataDir = "/prometheus";
const storage = "16Gi";

/**
 * Prometheus' configuration: itself, the collector, and every pod annotated `prometheus.io/scrape: "true"`.
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
function buildPrometheusConfig({ settings }: BuildContext): Readonly<Record<string, unknown>> {
  return {
    global: { scrape_interval: "15s", evaluation_interval: "15s" },
    // What the collector kept while Prometheus was away comes in late.
    storage: { tsdb: { out_of_order_time_window: "1d" } },
    rule_files: [`${configDir}/rules.yaml`],
    scrape_configs: [
      { job_name: "prometheus", static_configs: [{ targets: [`localhost:${ports.prometheus.web}`] }] },
      {
        job_name: "quartet-collector",
        authorization: { type: "Bearer", credentials_file: `${tokenDir}/token` },
        static_configs: [{ targets: [`${hostOf("collector", settings.namespace)}:${ports.collector.api}`] }],
      },
      {
        job_name: "pods",
        kubernetes_sd_configs: [{ role: "pod" }],
        // Services that leave the type of their answer out were fine until Prometheus 3.
        fallback_scrape_protocol: "PrometheusText0.0.4",
        relabel_configs: podRelabeling(),
      },
    ],
  };
}

/** From what discovery says of a pod to the address and the labels of its target. */
function podRelabeling(): readonly Readonly<Record<string, unknown>>[] {
  const annotation = (name: string): string => `__meta_kubernetes_pod_annotation_prometheus_io_${name}`;
  const copy = (source: string, target: string): Readonly<Record<string, unknown>> => ({
    source_labels: [source],
    regex: "(.+)",
    target_label: target,
  });
  const address = (regex: string, replacement: string): Readonly<Record<string, unknown>> => ({
    source_labels: ["__meta_kubernetes_pod_ip", annotation("port")],
    regex,
    target_label: "__address__",
    replacement,
  });
  return [
    { source_labels: [annotation("scrape")], regex: "true", action: "keep" },
    // A pod that has ended keeps its address for a while.
    { source_labels: ["__meta_kubernetes_pod_phase"], regex: "Succeeded|Failed", action: "drop" },
    // Discovery gives one target for each declared port; all of them get the one address, and equal targets are one target.
    address("([0-9.]+);", `$1:${agentMetricsPort}`),
    address("([0-9.]+);([0-9]+)", "$1:$2"),
    address("([0-9a-fA-F]*:[0-9a-fA-F:.]*);", `[$1]:${agentMetricsPort}`),
    address("([0-9a-fA-F]*:[0-9a-fA-F:.]*);([0-9]+)", "[$1]:$2"),
    copy(annotation("path"), "__metrics_path__"),
    copy(annotation("scheme"), "__scheme__"),
    copy("__meta_kubernetes_namespace", "namespace"),
    copy("__meta_kubernetes_pod_name", "pod"),
    copy("__meta_kubernetes_pod_node_name", "node"),
    copy("__meta_kubernetes_pod_label_app_kubernetes_io_name", "app"),
  ];
}

export function buildPrometheus(context: BuildContext): readonly Manifest[] {
  const { credentials } = context;
  const name = nameOf("prometheus");
  const files = {
    "prometheus.yml": toYaml(buildPrometheusConfig(context)),
    "rules.yaml": toYaml(stackRules),
  };
  const template = podTemplate(context, {
    component: "prometheus",
    user: { uid: 65_534, gid: 65_534, fsGroup: 65_534 },
    serviceAccountName: name,
    usesApi: true,
    // The last block is written at the end; cut short, the write-ahead log is read at the next start.
    terminationGracePeriodSeconds: 300,
    configuration: files,
    container: {
      ...containerBase(context, "prometheus"),
      args: [
        `--config.file=${configDir}/prometheus.yml`,
        `--storage.tsdb.path=${dataDir}`,
        "--storage.tsdb.retention.time=15d",
        // Below the volume's size: the head and its log count as well.
        "--storage.tsdb.retention.size=12GB",
        `--web.listen-address=0.0.0.0:${ports.prometheus.web}`,
        // The collector writes the series of spans, logs and pushed metrics, with their example traces.
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
      ],
      resources: { requests: { cpu: "200m", memory: "512Mi" }, limits: { cpu: "2", memory: "1Gi" } },
      securityContext: restricted,
      startupProbe: httpProbe("web", "/-/ready", { periodSeconds: 5, failureThreshold: 120 }),
      readinessProbe: httpProbe("web", "/-/ready", { periodSeconds: 5, failureThreshold: 3 }),
      livenessProbe: httpProbe("web", "/-/healthy", { periodSeconds: 10, failureThreshold: 6 }),
      volumeMounts: [
        { name: "config", mountPath: configDir, readOnly: true },
        { name: "token", mountPath: tokenDir, readOnly: true },
        { name: "data", mountPath: dataDir },
      ],
    },
    volumes: [
      { name: "config", configMap: { name } },
      { name: "token", secret: { secretName: name, defaultMode: 0o440 } },
    ],
  });
  return [
    serviceAccount(context, "prometheus", name),
    // Discovery looks for annotated pods in every namespace.
    ...clusterReader(context, "prometheus", ["pods"]),
    configMap(context, "prometheus", { name, data: files }),
    secret(componentMeta(context, "prometheus", { name }), { token: credentials.apiToken }),
    service(context, "prometheus", ["web"]),
    statefulSetOfOne(context, "prometheus", { template, storage }),
  ];
}
