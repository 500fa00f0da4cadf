/**
 * The parts of Kubernetes' API that Quartet renders. What Kubernetes leaves optional but Quartet always sets (resources,
 * probes, security contexts, labels) is required here, so that a manifest without them does not compile.
 * Defaults that merge keys need (`protocol`) are required too: server-side apply compares lists by them.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/
 */
export type Labels = Readonly<Record<string, string>>;

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Labels;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Envelope<ApiVersion extends string, Kind extends string> {
  readonly apiVersion: ApiVersion;
  readonly kind: Kind;
  readonly metadata: ObjectMeta;
}

export interface Namespace extends Envelope<"v1", "Namespace"> {}

export interface ServiceAccount extends Envelope<"v1", "ServiceAccount"> {
  readonly automountServiceAccountToken: false;
}

export interface ConfigMap extends Envelope<"v1", "ConfigMap"> {
  readonly data: Readonly<Record<string, string>>;
}

export interface Secret extends Envelope<"v1", "Secret"> {
  readonly type: "Opaque";
  /** Base64. `stringData` is never used: what was written could not be compared with what is there. */
  readonly data: Readonly<Record<string, string>>;
}

interface ClusterRole extends Envelope<"rbac.authorization.k8s.io/v1", "ClusterRole"> {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly ("get" | "list" | "watch")[];
  }[];
}

interface ClusterRoleBinding extends Envelope<"rbac.authorization.k8s.io/v1", "ClusterRoleBinding"> {
  readonly roleRef: { readonly apiGroup: string; readonly kind: "ClusterRole"; readonly name: string };
  readonly subjects: readonly {
    readonly kind: "ServiceAccount";
    readonly name: string;
    readonly namespace: string;
  }[];
}

export interface NetworkPolicyPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string };
}

export interface NetworkPolicyPort {
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

export interface NetworkPolicy extends Envelope<"networking.k8s.io/v1", "NetworkPolicy"> {
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly ("Ingress" | "Egress")[];
    readonly ingress?: readonly {
      readonly from?: readonly NetworkPolicyPeer[];
      readonly ports?: readonly NetworkPolicyPort[];
    }[];
    readonly egress?: readonly {
      readonly to?: readonly NetworkPolicyPeer[];
      readonly ports?: readonly NetworkPolicyPort[];
    }[];
  };
}

interface LabelSelector {
  readonly matchLabels?: Labels;
}

export interface Service extends Envelope<"v1", "Service"> {
  readonly spec: {
    readonly type: "ClusterIP";
    readonly selector: Labels;
    readonly ports: readonly {
      readonly name: string;
      readonly port: number;
      /** The container port's name. */
      readonly targetPort: string;
      readonly protocol: "TCP";
    }[];
  };
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

export interface ContainerSecurityContext {
  readonly allowPrivilegeEscalation: false;
  readonly readOnlyRootFilesystem: true;
  readonly capabilities: { readonly drop: readonly ["ALL"]; readonly add?: readonly string[] };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
  readonly readOnly?: boolean;
}

export interface InitContainer {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: "IfNotPresent";
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly cpu: string; readonly memory: string };
  };
  readonly securityContext: ContainerSecurityContext;
  readonly volumeMounts: readonly VolumeMount[];
}

export interface Container extends InitContainer {
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: "TCP";
  }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
  readonly emptyDir?: { readonly sizeLimit: string };
  readonly hostPath?: { readonly path: string; readonly type: "Directory" };
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: false;
  readonly nodeSelector: Labels;
  readonly tolerations?: readonly { readonly operator: "Exists"; readonly effect: "NoSchedule" }[];
  readonly securityContext: {
    readonly runAsNonRoot: boolean;
    readonly runAsUser: number;
    readonly runAsGroup: number;
    readonly fsGroup?: number;
    /** Without it a volume with many files is relabelled at every start. */
    readonly fsGroupChangePolicy?: "OnRootMismatch";
    readonly seccompProfile: { readonly type: "RuntimeDefault" };
  };
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: readonly InitContainer[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

export interface PodTemplate {
  readonly metadata: Omit<ObjectMeta, "name" | "namespace">;
  readonly spec: PodSpec;
}

export interface VolumeClaimTemplate {
  readonly apiVersion: "v1";
  readonly kind: "PersistentVolumeClaim";
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly accessModes: readonly ["ReadWriteOnce"];
    readonly storageClassName?: string;
    readonly resources: { readonly requests: { readonly storage: string } };
  };
}

export interface StatefulSet extends Envelope<"apps/v1", "StatefulSet"> {
  readonly spec: {
    readonly replicas: number;
    readonly serviceName: string;
    readonly selector: LabelSelector;
    readonly template: PodTemplate;
    readonly volumeClaimTemplates: readonly VolumeClaimTemplate[];
  };
}

interface Deployment extends Envelope<"apps/v1", "Deployment"> {
  readonly spec: {
    readonly replicas: number;
    readonly selector: LabelSelector;
    readonly strategy: { readonly type: "Recreate" | "RollingUpdate" };
    readonly template: PodTemplate;
  };
}

interface DaemonSet extends Envelope<"apps/v1", "DaemonSet"> {
  readonly spec: { readonly selector: LabelSelector; readonly template: PodTemplate };
}

export type Workload = StatefulSet | Deployment | DaemonSet;

/** Every kind of object that Quartet writes. */
export type Manifest =
  | Namespace
  | ServiceAccount
  | ConfigMap
  | Secret
  | ClusterRole
  | ClusterRoleBinding
  | NetworkPolicy
  | Service
  | Workload;
