import { componentMeta, type BuildContext } from "./context.ts";
import type { Component } from "./images.ts";
import { clusterNameOf, nameOf, namespaceOf } from "./names.ts";
import type { Manifest } from "./types.ts";

/** Lets a component's service account read some kinds of the core group in every namespace, and nothing else. */
export function clusterReader(
  context: BuildContext,
  component: Component,
  resources: readonly ("pods" | "namespaces")[],
): readonly Manifest[] {
  const { namespace } = context.settings;
  const name = clusterNameOf(component, namespace);
  const metadata = componentMeta(context, component, { name, namespace: null });
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata,
      rules: [{ apiGroups: [""], resources, verbs: ["get", "list", "watch"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [
        { kind: "ServiceAccount", name: nameOf(component), namespace: namespaceOf(component, namespace) },
      ],
    },
  ];
}
