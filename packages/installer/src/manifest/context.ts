import { imageOf, versionLabel, type Component } from "./images.ts";
import type { Credentials } from "./credentials.ts";
import { metaOf, namespaceOf } from "./names.ts";
import type { InstallSettings } from "./settings.ts";
import type { ConfigMap, ObjectMeta, Secret, ServiceAccount } from "./types.ts";

/** What every component's builder gets. */
export interface BuildContext {
  readonly settings: InstallSettings;
  readonly credentials: Credentials;
}

/** Name, namespace and labels of a component's object. `namespace` null = outside of every namespace. */
export function componentMeta(
  context: BuildContext,
  component: Component,
  object: { readonly name: string; readonly namespace?: string | null },
): ObjectMeta {
  const { settings } = context;
  const namespace =
    object.namespace === undefined ? namespaceOf(component, settings.namespace) : object.namespace;
  return metaOf({
    name: object.name,
    namespace: namespace ?? undefined,
    component,
    instance: settings.namespace,
    version: versionLabel(imageOf(component, settings).tag),
  });
}

export function configMap(
  context: BuildContext,
  component: Component,
  object: { readonly name: string; readonly data: Readonly<Record<string, string>> },
): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: componentMeta(context, component, { name: object.name }),
    data: object.data,
  };
}

/** A Secret from plain text values. */
export function secret(metadata: ObjectMeta, values: Readonly<Record<string, string>>): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata,
    type: "Opaque",
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value, "utf8").toString("base64")]),
    ),
  };
}

export function serviceAccount(context: BuildContext, component: Component, name: string): ServiceAccount {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: componentMeta(context, component, { name }),
    // Whoever needs a token says so in its pod, where it can be seen.
    automountServiceAccountToken: false,
  };
}
