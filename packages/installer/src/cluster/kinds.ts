import { fieldManager, type Manifest } from "../manifest/index.ts";

/** Where objects of one kind are found. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Its name in paths. */
  readonly plural: string;
  readonly isNamespaced: boolean;
}

/** Every kind that Quartet writes, in the order in which `uninstall` deletes: first what runs, last what holds the rest. */
export const writtenKinds: readonly Kind[] = [
  { apiVersion: "apps/v1", kind: "DaemonSet", plural: "daemonsets", isNamespaced: true },
  { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", isNamespaced: true },
  { apiVersion: "apps/v1", kind: "StatefulSet", plural: "statefulsets", isNamespaced: true },
  { apiVersion: "v1", kind: "Service", plural: "services", isNamespaced: true },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    isNamespaced: true,
  },
  { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", isNamespaced: true },
  { apiVersion: "v1", kind: "Secret", plural: "secrets", isNamespaced: true },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    plural: "clusterrolebindings",
    isNamespaced: false,
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    plural: "clusterroles",
    isNamespaced: false,
  },
  { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", isNamespaced: true },
  { apiVersion: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false },
];

export const claimKind: Kind = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  isNamespaced: true,
};

/** The API group of a version such as `apps/v1`; "" for `v1`. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.split("/")[0]! : "";
}

/** The path of all objects of a kind, in one namespace or everywhere. */
export function listPath(kind: Kind, namespace?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  return namespace === undefined || !kind.isNamespaced
    ? `${root}/${kind.plural}`
    : `${root}/namespaces/${namespace}/${kind.plural}`;
}

/** The path of one object. */
export function objectPath(
  kind: Kind,
  metadata: { readonly name: string; readonly namespace?: string | undefined },
): string {
  return `${listPath(kind, metadata.namespace)}/${metadata.name}`;
}

export function kindOf(object: Manifest): Kind {
  // The type Manifest and this table are kept equal by a test over every rendered object.
  return writtenKinds.find(({ kind }) => kind === object.kind)!;
}

/** `kind namespace/name`, as lines and messages show an object. */
export function describeObject(object: {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}): string {
  const { name, namespace } = object.metadata;
  return `${object.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** The query of a server-side apply. `Strict` makes an unknown field an error instead of a warning. */
export function applyQuery(options: { readonly isDryRun: boolean; readonly isForced: boolean }): string {
  const query = new URLSearchParams({
    fieldManager,
    force: String(options.isForced),
    fieldValidation: "Strict",
    ...(options.isDryRun ? { dryRun: "All" } : {}),
  });
  return query.toString();
}
