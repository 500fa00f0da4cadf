import type { Component } from "./images.ts";
import type { Labels, ObjectMeta } from "./types.ts";

/** The field manager of every write, so that `kubectl get --show-managed-fields` tells what Quartet owns. */
export const fieldManager = "quartet";

/** The Secret that services read; its one key is the variable's name, so that `envFrom` works as well. */
export const agentSecretName = "quartet-agent";

/** The Secret that every generated value comes from. No pod mounts it. */
export const credentialsSecretName = "quartet-credentials";

/** Container and Service ports by component. `test/cluster` compares them with the running programs. */
export const ports = {
  collector: { "otlp-grpc": 4317, "otlp-http": 4318, api: 4004 },
  prometheus: { web: 9090 },
  jaeger: { "otlp-grpc": 4317, "otlp-http": 4318, query: 16686, health: 13133, metrics: 8888 },
  elasticsearch: { http: 9200, readiness: 8080 },
  kibana: { web: 5601 },
  "fluent-bit": { http: 2020 },
} as const;

/** The port on which an agent serves `/metrics`, unless OTEL_EXPORTER_PROMETHEUS_PORT moves it. */
export const agentMetricsPort = 9464;

/** The name of a component's objects. */
export function nameOf(component: Component): string {
  return `quartet-${component}`;
}

/** The name of what a component has outside of every namespace; two installations must not share it. */
export function clusterNameOf(component: Component, namespace: string): string {
  return `quartet-${component}-${namespace}`;
}

/** Pods that need a node's files live apart, so that the main namespace can enforce the restricted standard. */
export function nodeNamespaceOf(namespace: string): string {
  return `${namespace}-node`;
}

/** The namespace that a component's pods run in. */
export function namespaceOf(component: Component, namespace: string): string {
  return component === "fluent-bit" ? nodeNamespaceOf(namespace) : namespace;
}

/** The DNS name of a component's Service, good in every namespace. */
export function hostOf(component: Component, namespace: string): string {
  return `${nameOf(component)}.${namespace}.svc`;
}

/** Finds everything of one installation; `uninstall` and the leftover scan list by it. */
export function inventoryLabels(namespace: string): Labels {
  return { "app.kubernetes.io/managed-by": "quartet", "app.kubernetes.io/instance": namespace };
}

/** Labels of a component that may never change: selectors and volume claims are immutable. */
export function selectorLabels(component: Component, namespace: string): Labels {
  return { "app.kubernetes.io/name": nameOf(component), "app.kubernetes.io/instance": namespace };
}

/** Labels that stay the same in every version of Quartet. */
export function stableLabels(component: Component | undefined, namespace: string): Labels {
  return {
    "app.kubernetes.io/name": component === undefined ? "quartet" : nameOf(component),
    ...(component === undefined ? {} : { "app.kubernetes.io/component": component }),
    "app.kubernetes.io/part-of": "quartet",
    ...inventoryLabels(namespace),
  };
}

/** Name, namespace and labels of one object; `component` undefined = it belongs to the whole. */
export function metaOf(settings: {
  readonly name: string;
  /** undefined = the object lies outside of every namespace. */
  readonly namespace: string | undefined;
  readonly component: Component | undefined;
  /** The main namespace, which names the installation. */
  readonly instance: string;
  readonly version: string;
}): ObjectMeta {
  const { name, namespace, component, instance, version } = settings;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...stableLabels(component, instance), "app.kubernetes.io/version": version },
  };
}
