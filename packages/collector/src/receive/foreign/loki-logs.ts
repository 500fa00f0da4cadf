import type { LokiEntry, LokiStream } from "./loki-stream.ts";

/** Resource attributes that Loki makes labels of, by the label's name. @see Grafana Loki, `default_resource_attributes_as_index_labels` */
const attributeNames = new Map(
  [
    "cloud.availability_zone",
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
  ].map((name) => [name.replaceAll(".", "_"), name]),
);

/** Where Loki looks for the service when no label says it, in its order. @see Grafana Loki, `discover_service_name` */
const serviceLabels = [
  "service",
  "app",
  "application",
  "app_name",
  "name",
  "app_kubernetes_io_name",
  "container",
  "container_name",
  "k8s_container_name",
  "component",
  "workload",
  "job",
  "k8s_job_name",
];

/** Names under which a severity is sent; those that say most come first. */
const levelNames = ["severity_text", "detected_level", "level", "severity"];
/** The first number of each of OpenTelemetry's ranges, by the words that loggers have for it. */
const severityNumbers = new Map([
  ...["trace", "trc"].map((word) => [word, 1] as const),
  ...["debug", "dbg", "verbose"].map((word) => [word, 5] as const),
  ...["info", "inf", "information", "notice"].map((word) => [word, 9] as const),
  ...["warn", "warning", "wrn"].map((word) => [word, 13] as const),
  ...["error", "err"].map((word) => [word, 17] as const),
  ...["fatal", "critical", "crit", "alert", "emergency", "emerg", "panic"].map((word) => [word, 21] as const),
]);
const traceNames = ["trace_id", "traceID", "traceId"];
const spanNames = ["span_id", "spanID", "spanId"];

/**
 * An OTLP/JSON request of the streams: labels become the resource, structured metadata the attributes of records, but what
 * OTLP has a field for (severity, trace and span) goes there.
 */
export function buildLogsRequest(streams: readonly LokiStream[], observedUnixNano: bigint): object {
  return {
    resourceLogs: streams
      .filter(({ entries }) => entries.length > 0)
      .map(({ labels, entries }) => {
        const byName = toMap(labels);
        const level = takeFirst(byName, levelNames, () => true);
        return {
          resource: { attributes: attributesOf(withService(byName)) },
          scopeLogs: [{ logRecords: entries.map((entry) => buildRecord(entry, level, observedUnixNano)) }],
        };
      }),
  };
}

function buildRecord(
  { timeUnixNano, line, metadata }: LokiEntry,
  streamLevel: string | undefined,
  observedUnixNano: bigint,
): object {
  const byName = toMap(metadata);
  const traceId = takeFirst(byName, traceNames, (text) => isId(text, 32));
  const spanId = takeFirst(byName, spanNames, (text) => isId(text, 16));
  const number = takeFirst(byName, ["severity_number"], (text) => /^([1-9]|1\d|2[0-4])$/.test(text));
  const level = takeFirst(byName, levelNames, () => true) ?? streamLevel;
  return {
    timeUnixNano: String(timeUnixNano),
    observedTimeUnixNano: String(observedUnixNano),
    severityNumber: number === undefined ? severityNumbers.get(level?.toLowerCase() ?? "") : Number(number),
    severityText: level,
    body: { stringValue: line },
    attributes: attributesOf(byName),
    traceId,
    spanId,
  };
}

function toMap(pairs: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at < pairs.length; at += 2) map.set(pairs[at]!, pairs[at + 1]!);
  return map;
}

/** Takes the first of these that is there and good out of the map. */
function takeFirst(
  byName: Map<string, string>,
  names: readonly string[],
  isGood: (text: string) => boolean,
): string | undefined {
  for (const name of names) {
    const text = byName.get(name);
    if (text === undefined || text === "" || !isGood(text)) continue;
    byName.delete(name);
    return text;
  }
  return undefined;
}

function isId(text: string, digitCount: number): boolean {
  return text.length === digitCount && /^[0-9a-fA-F]+$/.test(text) && !/^0+$/.test(text);
}

function withService(byName: ReadonlyMap<string, string>): Map<string, string> {
  const attributes = new Map([...byName].map(([name, value]) => [attributeNames.get(name) ?? name, value]));
  const known = attributes.get("service.name");
  if (known !== undefined && known !== "") return attributes;
  const label = serviceLabels.find((name) => (byName.get(name) ?? "") !== "");
  return attributes.set("service.name", label === undefined ? "unknown_service" : byName.get(label)!);
}

function attributesOf(byName: ReadonlyMap<string, string>): object[] {
  return [...byName].map(([key, stringValue]) => ({ key, value: { stringValue } }));
}
