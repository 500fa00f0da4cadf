import {
  agentSecretName,
  credentialsSecretName,
  hostOf,
  nameOf,
  ports,
  type InstallSettings,
} from "../manifest/index.ts";

/** What to do after an installation: how a service sends, and where people look. */
export function formatInstructions(settings: InstallSettings): string {
  const { namespace, webhook, agentNamespaces } = settings;
  const endpoint = `http://${hostOf("collector", namespace)}:${ports.collector["otlp-http"]}`;
  const namespaces = [...new Set([namespace, ...agentNamespaces])].join(", ");
  const forward = (component: "collector" | "prometheus" | "jaeger" | "kibana", port: number): string =>
    `kubectl -n ${namespace} port-forward service/${nameOf(component)} ${port}`;
  return `A service sends to the collector with this in its container (Secret ${agentSecretName} is in: ${namespaces};
name other namespaces with --agent-namespace):

  env:
    - { name: NODE_OPTIONS, value: "--import @quartet/agent/register" }
    - { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "${endpoint}" }
    - name: OTEL_EXPORTER_OTLP_HEADERS
      valueFrom: { secretKeyRef: { name: ${agentSecretName}, key: OTEL_EXPORTER_OTLP_HEADERS } }

To have Prometheus scrape its metrics as well, annotate its pod: prometheus.io/scrape: "true"

Look at   collector   ${forward("collector", ports.collector.api)}
          metrics     ${forward("prometheus", ports.prometheus.web)}
          traces      ${forward("jaeger", ports.jaeger.query)}
          logs        ${forward("kibana", ports.kibana.web)}, as user quartet
Password  kubectl -n ${namespace} get secret ${credentialsSecretName} -o jsonpath='{.data.admin-password}' | base64 -d
API token kubectl -n ${namespace} get secret ${credentialsSecretName} -o jsonpath='{.data.api-token}' | base64 -d
${webhook === undefined ? "\nAlerts are sent nowhere yet: run install again with --webhook URL\n" : ""}`;
}
