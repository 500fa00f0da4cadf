import { componentMeta, configMap, secret, serviceAccount, type BuildContext } from "./context.ts";
import { kibanaBearerToken } from "./elasticsearch-users.ts";
import { hostOf, nameOf, ports, selectorLabels } from "./names.ts";
import { containerBase, httpProbe, podTemplate, restricted, tcpProbe } from "./pod.ts";
import { service } from "./service.ts";
import type { EnvVar, Manifest } from "./types.ts";
import { toYaml } from "./yaml.ts";

const home = "/usr/share/kibana";

/**
 * Kibana's configuration, without what is secret: the image takes that from variables.
 * @see https://www.elastic.co/docs/reference/kibana/configuration-reference
 */
function buildKibanaConfig({ settings }: BuildContext): Readonly<Record<string, unknown>> {
  return {
    "server.host": "0.0.0.0",
    "server.port": ports.kibana.web,
    "elasticsearch.hosts": [
      `http://${hostOf("elasticsearch", settings.namespace)}:${ports.elasticsearch.http}`,
    ],
    // It sends nothing about the user to anybody and downloads nothing.
    "telemetry.optIn": false,
    "telemetry.allowChangingOptInStatus": false,
    "newsfeed.enabled": false,
    "xpack.fleet.isAirGapped": true,
  };
}

export function buildKibana(context: BuildContext): readonly Manifest[] {
  const { settings, credentials } = context;
  const name = nameOf("kibana");
  const config = buildKibanaConfig(context);
  const secretVariables: Readonly<Record<string, string>> = {
    ELASTICSEARCH_SERVICEACCOUNTTOKEN: kibanaBearerToken(credentials),
    XPACK_ENCRYPTEDSAVEDOBJECTS_ENCRYPTIONKEY: credentials.kibanaSavedObjectsKey,
    XPACK_SECURITY_ENCRYPTIONKEY: credentials.kibanaSessionKey,
    XPACK_REPORTING_ENCRYPTIONKEY: credentials.kibanaReportingKey,
  };
  const env: readonly EnvVar[] = Object.keys(secretVariables).map((key) => ({
    name: key,
    valueFrom: { secretKeyRef: { name, key } },
  }));
  const template = podTemplate(context, {
    component: "kibana",
    user: { uid: 1000, gid: 0, fsGroup: 1000 },
    serviceAccountName: name,
    terminationGracePeriodSeconds: 30,
    configuration: config,
    container: {
      ...containerBase(context, "kibana"),
      env: [...env, { name: "NODE_OPTIONS", value: "--max-old-space-size=1400" }],
      // Version 9 ends for want of memory in 1 GiB while it starts its plugins.
      resources: { requests: { cpu: "200m", memory: "1Gi" }, limits: { cpu: "2", memory: "2Gi" } },
      securityContext: restricted,
      startupProbe: httpProbe("web", "/api/status", { periodSeconds: 10, failureThreshold: 60 }),
      readinessProbe: httpProbe("web", "/api/status", { periodSeconds: 10, failureThreshold: 3 }),
      // Not the status: without Elasticsearch it is bad, and starting anew mends nothing.
      livenessProbe: tcpProbe("web", { periodSeconds: 20, failureThreshold: 6 }),
      volumeMounts: [
        { name: "config", mountPath: `${home}/config/kibana.yml`, subPath: "kibana.yml", readOnly: true },
        { name: "data", mountPath: `${home}/data` },
        { name: "logs", mountPath: `${home}/logs` },
        { name: "tmp", mountPath: "/tmp" },
      ],
    },
    volumes: [
      { name: "config", configMap: { name } },
      { name: "data", emptyDir: { sizeLimit: "1Gi" } },
      { name: "logs", emptyDir: { sizeLimit: "256Mi" } },
      { name: "tmp", emptyDir: { sizeLimit: "512Mi" } },
    ],
  });
  return [
    serviceAccount(context, "kibana", name),
    configMap(context, "kibana", { name, data: { "kibana.yml": toYaml(config) } }),
    secret(componentMeta(context, "kibana", { name }), secretVariables),
    service(context, "kibana", ["web"]),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: componentMeta(context, "kibana", { name }),
      spec: {
        replicas: 1,
        selector: { matchLabels: selectorLabels("kibana", settings.namespace) },
        // Two versions of Kibana must not migrate its saved objects at once.
        strategy: { type: "Recreate" },
        template,
      },
    },
  ];
}
