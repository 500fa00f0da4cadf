import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { logsDataStream, users } from "./elasticsearch-users.ts";
import { hostOf, nameOf, nodeNamespaceOf, ports, selectorLabels } from "./names.ts";
import { containerBase, httpProbe, podTemplate, restricted, tcpProbe } from "./pod.ts";
import { clusterReader } from "./rbac.ts";
import type { Manifest } from "./types.ts";
import { toYaml } from "./yaml.ts";

const configDir = "/fluent-bit/etc/quartet";
const stateDir = "/fluent-bit/state";
const passwordVariable = "ELASTICSEARCH_PASSWORD";

/**
 * Fluent Bit's configuration: every container's log of a node into one data stream.
 * Nothing stays on the node: a new pod reads the files that are there from their beginning, and Elasticsearch refuses the records
 * that it has, because their ids follow from their content.
 * @see https://docs.fluentbit.io/manual/administration/configuring-fluent-bit/yaml
 */
function buildFluentBitConfig({ settings }: BuildContext): Readonly<Record<string, unknown>> {
  const namespace = nodeNamespaceOf(settings.namespace);
  return {
    service: {
      flush: 1,
      log_level: "info",
      http_server: "on",
      http_listen: "0.0.0.0",
      http_port: ports["fluent-bit"].http,
      health_check: "on",
      // The parsers that the annotation fluentbit.io/parser may name; the image brings the file.
      parsers_file: "/fluent-bit/etc/parsers.conf",
      "storage.path": `${stateDir}/chunks`,
      "storage.metrics": "on",
    },
    pipeline: {
      inputs: [
        {
          name: "tail",
          tag: "kube.*",
          path: "/var/log/containers/*.log",
          // Its own lines about a failed send would be sent, and fail.
          exclude_path: `/var/log/containers/*_${namespace}_*.log`,
          "multiline.parser": "docker, cri",
          db: `${stateDir}/tail.db`,
          read_from_head: "true",
          mem_buf_limit: "16MB",
          skip_long_lines: "on",
          "storage.type": "filesystem",
        },
      ],
      filters: [
        {
          name: "kubernetes",
          match: "kube.*",
          merge_log: "on",
          keep_log: "off",
          "k8s-logging.parser": "on",
          "k8s-logging.exclude": "on",
        },
      ],
      outputs: [
        {
          name: "es",
          match: "kube.*",
          host: hostOf("elasticsearch", settings.namespace),
          port: ports.elasticsearch.http,
          http_user: users.fluentBit,
          http_passwd: `\${${passwordVariable}}`,
          index: logsDataStream,
          logstash_format: "off",
          // A data stream takes nothing but `create`.
          write_operation: "create",
          generate_id: "on",
          // Elasticsearch 8 and later answer 400 to a `_type`.
          suppress_type_name: "on",
          // The labels `app` and `app.kubernetes.io/name` of one pod cannot both be fields.
          replace_dots: "on",
          retry_limit: "no_limits",
          // The oldest go first when Elasticsearch is away for long.
          "storage.total_limit_size": "500M",
        },
      ],
    },
  };
}

/** One on each node. Reading the node's log files is the one exception to the restricted standard, in a namespace of its own. */
export function buildFluentBit(context: BuildContext): readonly Manifest[] {
  const { settings, credentials } = context;
  const name = nameOf("fluent-bit");
  const config = buildFluentBitConfig(context);
  const template = podTemplate(context, {
    component: "fluent-bit",
    // The log files belong to root, whatever the container's user was.
    user: { uid: 0, gid: 0 },
    serviceAccountName: name,
    usesApi: true,
    terminationGracePeriodSeconds: 30,
    configuration: config,
    everywhere: true,
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(ports["fluent-bit"].http),
      "prometheus.io/path": "/api/v2/metrics/prometheus",
    },
    container: {
      ...containerBase(context, "fluent-bit"),
      args: [`--config=${configDir}/fluent-bit.yaml`],
      env: [
        {
          name: passwordVariable,
          valueFrom: { secretKeyRef: { name, key: "password" } },
        },
      ],
      resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
      // Root without the capability to pass over file modes could not read a log file of mode 0640 of another owner.
      securityContext: { ...restricted, capabilities: { drop: ["ALL"], add: ["DAC_READ_SEARCH"] } },
      readinessProbe: httpProbe("http", "/api/v2/health", { periodSeconds: 10, failureThreshold: 3 }),
      // Not the health check: it is bad while Elasticsearch refuses, and starting anew would lose the buffer.
      livenessProbe: tcpProbe("http", { periodSeconds: 20, failureThreshold: 6 }),
      volumeMounts: [
        { name: "config", mountPath: configDir, readOnly: true },
        { name: "state", mountPath: stateDir },
        { name: "logs", mountPath: "/var/log", readOnly: true },
      ],
    },
    volumes: [
      { name: "config", configMap: { name } },
      { name: "state", emptyDir: { sizeLimit: "1Gi" } },
      { name: "logs", hostPath: { path: "/var/log", type: "Directory" } },
    ],
  });
  return [
    serviceAccount(context, "fluent-bit", name),
    // A record's labels and annotations are those of its pod and namespace.
    ...clusterReader(context, "fluent-bit", ["namespaces", "pods"]),
    configMap(context, "fluent-bit", { name, data: { "fluent-bit.yaml": toYaml(config) } }),
    secret(componentMeta(context, "fluent-bit", { name }), { password: credentials.fluentBitPassword }),
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: componentMeta(context, "fluent-bit", { name }),
      spec: { selector: { matchLabels: selectorLabels("fluent-bit", settings.namespace) }, template },
    },
  ];
}
