import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { buildUserFiles } from "./elasticsearch-users.ts";
import { nameOf, ports } from "./names.ts";
import { containerBase, podTemplate, restricted, statefulSetOfOne, tcpProbe } from "./pod.ts";
import { service } from "./service.ts";
import type { Manifest, VolumeMount } from "./types.ts";
import { toYaml } from "./yaml.ts";

const home = "/usr/share/elasticsearch";
/** Where the init container finds the empty folder that becomes `config`. */
const newConfigDir = "/quartet/config";
const storage = "30Gi";
const resources = {
  requests: { cpu: "500m", memory: "2Gi" },
  // Elasticsearch takes half of the limit for its heap; request and limit are equal, so that the rest is really there.
  limits: { cpu: "2", memory: "2Gi" },
} as const;

/**
 * Elasticsearch for one node.
 * Security: every request needs a user, from files (elasticsearch-users.ts). HTTP is not encrypted inside the cluster: the port
 * is open to Jaeger, Kibana and Fluent Bit alone (network.ts), and a certificate that nobody renews is the likelier outage.
 * The transport port listens on loopback, as no second node will come.
 * @see https://www.elastic.co/docs/reference/elasticsearch/configuration-reference
 */
function buildElasticsearchConfig(): Readonly<Record<string, unknown>> {
  return {
    "cluster.name": "quartet",
    // Also lifts the bootstrap checks, which demand TLS between nodes.
    "discovery.type": "single-node",
    "http.host": "0.0.0.0",
    "http.port": ports.elasticsearch.http,
    "transport.host": "127.0.0.1",
    // Opens once the node is part of a working cluster; needs no user, unlike every path of the API.
    "readiness.port": ports.elasticsearch.readiness,
    // Memory mapping needs a kernel setting that only a privileged container may raise.
    "node.store.allow_mmap": false,
    // Nothing is downloaded at run time.
    "ingest.geoip.downloader.enabled": false,
    "xpack.ml.enabled": false,
    "xpack.security.enabled": true,
    // It would write certificates and a random password into the configuration folder.
    "xpack.security.autoconfiguration.enabled": false,
    "xpack.security.http.ssl.enabled": false,
    "xpack.security.transport.ssl.enabled": false,
  };
}

export function buildElasticsearch(context: BuildContext): readonly Manifest[] {
  const name = nameOf("elasticsearch");
  const config = buildElasticsearchConfig();
  const base = containerBase(context, "elasticsearch");
  const userFiles = buildUserFiles(context.credentials);
  const template = podTemplate(context, {
    component: "elasticsearch",
    // The image's own user; its group owns the files of the image.
    user: { uid: 1000, gid: 0, fsGroup: 1000 },
    serviceAccountName: name,
    terminationGracePeriodSeconds: 180,
    configuration: config,
    initContainers: [
      {
        // At its start Elasticsearch writes a keystore beside its configuration, and the image is read-only.
        name: "copy-config",
        image: base.image,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-c", `cp -r ${home}/config/. ${newConfigDir}/`],
        resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
        securityContext: restricted,
        volumeMounts: [{ name: "config", mountPath: newConfigDir }],
      },
    ],
    container: {
      ...base,
      resources,
      securityContext: restricted,
      startupProbe: tcpProbe("readiness", { periodSeconds: 5, failureThreshold: 120 }),
      readinessProbe: tcpProbe("readiness", { periodSeconds: 5, failureThreshold: 3 }),
      livenessProbe: tcpProbe("http", { periodSeconds: 20, failureThreshold: 6 }),
      volumeMounts: [
        { name: "config", mountPath: `${home}/config` },
        configFile("settings", "elasticsearch.yml"),
        ...Object.keys(userFiles).map((file) => configFile("users", file)),
        { name: "data", mountPath: `${home}/data` },
        { name: "logs", mountPath: `${home}/logs` },
        { name: "tmp", mountPath: "/tmp" },
      ],
    },
    volumes: [
      { name: "settings", configMap: { name } },
      { name: "users", secret: { secretName: name, defaultMode: 0o440 } },
      { name: "config", emptyDir: { sizeLimit: "16Mi" } },
      { name: "logs", emptyDir: { sizeLimit: "1Gi" } },
      { name: "tmp", emptyDir: { sizeLimit: "512Mi" } },
    ],
  });
  return [
    serviceAccount(context, "elasticsearch", name),
    configMap(context, "elasticsearch", { name, data: { "elasticsearch.yml": toYaml(config) } }),
    secret(componentMeta(context, "elasticsearch", { name }), userFiles),
    service(context, "elasticsearch", ["http"]),
    statefulSetOfOne(context, "elasticsearch", { template, storage }),
  ];
}

function configFile(volume: string, file: string): VolumeMount {
  return { name: volume, mountPath: `${home}/config/${file}`, subPath: file, readOnly: true };
}
