import { componentMeta, type BuildContext } from "./context.ts";
import type { Component } from "./images.ts";
import { metaOf, nameOf, namespaceOf, nodeNamespaceOf, ports, selectorLabels } from "./names.ts";
import type { Manifest, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "./types.ts";

type Rules = Pick<NetworkPolicy["spec"], "ingress" | "egress">;

const everyPod: NetworkPolicyPeer = { namespaceSelector: {} };
const dns: NonNullable<Rules["egress"]>[number] = {
  // To anywhere: a node-local cache has an address of the node.
  ports: [
    { port: 53, protocol: "UDP" },
    { port: 53, protocol: "TCP" },
  ],
};
/** The API server's address is no pod's, and nothing in the cluster says which it is. */
const apiServer: NonNullable<Rules["egress"]>[number] = {
  ports: [
    { port: 443, protocol: "TCP" },
    { port: 6443, protocol: "TCP" },
  ],
};

/**
 * Nobody may talk to anybody, and then one policy a component for who does. Probes and port-forwards come from the node, which
 * policies do not hold up.
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function buildNetworkPolicies(context: BuildContext): readonly Manifest[] {
  const { settings } = context;
  const from = (component: Component): NetworkPolicyPeer => ({
    namespaceSelector: {
      matchLabels: { "kubernetes.io/metadata.name": namespaceOf(component, settings.namespace) },
    },
    podSelector: { matchLabels: selectorLabels(component, settings.namespace) },
  });
  const to = from;
  const { collector, jaeger, elasticsearch, prometheus } = ports;
  const fluentBit = ports["fluent-bit"];
  const search = { to: [to("elasticsearch")], ports: tcp(elasticsearch.http) };
  const rules: Record<Component, Rules> = {
    collector: {
      ingress: [
        { from: [everyPod], ports: tcp(collector["otlp-grpc"], collector["otlp-http"]) },
        { from: [from("prometheus")], ports: tcp(collector.api) },
      ],
      egress: [
        dns,
        { to: [to("jaeger")], ports: tcp(jaeger["otlp-http"]) },
        { to: [to("prometheus")], ports: tcp(prometheus.web) },
        // A webhook may stand anywhere, and a Service's port is not its pods' port.
        ...(settings.webhook === undefined ? [] : [{}]),
      ],
    },
    prometheus: {
      ingress: [{ from: [from("collector")], ports: tcp(prometheus.web) }],
      // Any pod may ask to be scraped, on a port of its choice.
      egress: [dns, apiServer, { to: [everyPod] }],
    },
    jaeger: {
      ingress: [
        { from: [from("collector")], ports: tcp(jaeger["otlp-grpc"], jaeger["otlp-http"]) },
        { from: [from("prometheus")], ports: tcp(jaeger.metrics) },
      ],
      egress: [dns, search],
    },
    elasticsearch: {
      ingress: [
        { from: [from("jaeger"), from("kibana"), from("fluent-bit")], ports: tcp(elasticsearch.http) },
      ],
      egress: [],
    },
    kibana: { ingress: [], egress: [dns, search] },
    "fluent-bit": {
      ingress: [{ from: [from("prometheus")], ports: tcp(fluentBit.http) }],
      egress: [dns, apiServer, search],
    },
  };
  return [
    denyAll(context, settings.namespace),
    denyAll(context, nodeNamespaceOf(settings.namespace)),
    ...Object.entries(rules).map(([component, spec]) => policyOf(context, component as Component, spec)),
  ];
}

function denyAll({ settings }: BuildContext, namespace: string): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metaOf({
      name: "quartet-default-deny",
      namespace,
      component: undefined,
      instance: settings.namespace,
      version: settings.version,
    }),
    spec: {
      // Only Quartet's pods: a service that lives in the same namespace keeps its network.
      podSelector: {
        matchLabels: {
          "app.kubernetes.io/instance": settings.namespace,
          "app.kubernetes.io/part-of": "quartet",
        },
      },
      policyTypes: ["Ingress", "Egress"],
    },
  };
}

function policyOf(context: BuildContext, component: Component, rules: Rules): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: componentMeta(context, component, { name: nameOf(component) }),
    spec: {
      podSelector: { matchLabels: selectorLabels(component, context.settings.namespace) },
      policyTypes: ["Ingress", "Egress"],
      ...rules,
    },
  };
}

function tcp(...numbers: readonly number[]): readonly NetworkPolicyPort[] {
  return numbers.map((port) => ({ port, protocol: "TCP" }));
}
