import { createHash } from "node:crypto";
import { componentMeta, type BuildContext } from "./context.ts";
import { imageOf, type Component } from "./images.ts";
import { ports, selectorLabels, stableLabels } from "./names.ts";
import type {
  Container,
  ContainerSecurityContext,
  InitContainer,
  ObjectMeta,
  PodSpec,
  PodTemplate,
  Probe,
  StatefulSet,
  VolumeClaimTemplate,
} from "./types.ts";

/**
 * What the restricted Pod Security Standard asks of a container, and a read-only root file system besides.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export const restricted: ContainerSecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

interface PodSettings {
  readonly component: Component;
  readonly user: { readonly uid: number; readonly gid: number; readonly fsGroup?: number };
  readonly serviceAccountName: string;
  /** Mounts the service account's token; only who asks the API server needs it. */
  readonly usesApi?: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: readonly InitContainer[];
  readonly container: Container;
  readonly volumes: PodSpec["volumes"];
  /** What the container reads at its start: a change of it starts new pods. */
  readonly configuration: unknown;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Runs on every node, whatever taints it has. */
  readonly everywhere?: boolean;
}

/** The pod of a component. Labels with a version are not part of any selector. */
export function podTemplate(context: BuildContext, pod: PodSettings): PodTemplate {
  const { component, user } = pod;
  const meta = componentMeta(context, component, { name: "" });
  return {
    metadata: {
      labels: meta.labels,
      annotations: { "checksum/config": checksum(pod.configuration), ...pod.annotations },
    },
    spec: {
      serviceAccountName: pod.serviceAccountName,
      automountServiceAccountToken: pod.usesApi ?? false,
      // Else the variables of every Service reach every container, and Elasticsearch and Kibana read some of them as settings.
      enableServiceLinks: false,
      nodeSelector: { "kubernetes.io/os": "linux" },
      ...(pod.everywhere === true ? { tolerations: [{ operator: "Exists", effect: "NoSchedule" }] } : {}),
      securityContext: {
        runAsNonRoot: user.uid !== 0,
        runAsUser: user.uid,
        runAsGroup: user.gid,
        ...(user.fsGroup === undefined
          ? {}
          : { fsGroup: user.fsGroup, fsGroupChangePolicy: "OnRootMismatch" }),
        seccompProfile: { type: "RuntimeDefault" },
      },
      terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds,
      ...(pod.initContainers === undefined ? {} : { initContainers: pod.initContainers }),
      containers: [pod.container],
      volumes: pod.volumes,
    },
  };
}

/** Name, image and ports of a component's container. */
export function containerBase(
  context: BuildContext,
  component: Component,
): Pick<Container, "name" | "image" | "imagePullPolicy" | "ports"> {
  return {
    name: component,
    image: imageOf(component, context.settings).image,
    imagePullPolicy: "IfNotPresent",
    ports: containerPorts(component),
  };
}

/** Every port of the component by its name. */
function containerPorts(component: Component): Container["ports"] {
  return Object.entries(ports[component]).map(([name, containerPort]) => ({
    name,
    containerPort,
    protocol: "TCP",
  }));
}

/** Asks every `periodSeconds`; fails after `failureThreshold` answers that are no 2xx or 3xx or take too long. */
export function httpProbe(
  port: string,
  path: string,
  timing: { readonly periodSeconds: number; readonly failureThreshold: number },
): Probe {
  return { httpGet: { path, port }, timeoutSeconds: 5, ...timing };
}

export function tcpProbe(
  port: string,
  timing: { readonly periodSeconds: number; readonly failureThreshold: number },
): Probe {
  return { tcpSocket: { port }, timeoutSeconds: 5, ...timing };
}

/** A StatefulSet of one pod with one volume. */
export function statefulSetOfOne(
  context: BuildContext,
  component: Component,
  set: { readonly template: PodTemplate; readonly storage: string },
): StatefulSet {
  const { namespace } = context.settings;
  const metadata: ObjectMeta = componentMeta(context, component, { name: `quartet-${component}` });
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata,
    spec: {
      replicas: 1,
      serviceName: metadata.name,
      selector: { matchLabels: selectorLabels(component, namespace) },
      template: set.template,
      volumeClaimTemplates: [dataClaim(context, component, set.storage)],
    },
  };
}

/** The claim that outlives the pod, and an uninstall without --delete-data. Immutable once created, so without a version. */
function dataClaim(context: BuildContext, component: Component, storage: string): VolumeClaimTemplate {
  const { namespace, storageClass } = context.settings;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", labels: stableLabels(component, namespace) },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage } },
    },
  };
}

/** The same for the same value, whatever the order of its keys; 64 hexadecimal digits. */
function checksum(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sortKeys(value)))
    .digest("hex");
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sortKeys(child)]));
}
