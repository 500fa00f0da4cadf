import { componentMeta, type BuildContext } from "./context.ts";
import type { Component } from "./images.ts";
import { nameOf, ports, selectorLabels } from "./names.ts";
import type { Service } from "./types.ts";

/** A Service inside the cluster for some of a component's ports; people come in by port-forward. */
export function service<C extends Component>(
  context: BuildContext,
  component: C,
  portNames: readonly (keyof (typeof ports)[C] & string)[],
): Service {
  const numbers: Readonly<Record<string, number>> = ports[component];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: componentMeta(context, component, { name: nameOf(component) }),
    spec: {
      type: "ClusterIP",
      selector: selectorLabels(component, context.settings.namespace),
      ports: portNames.map((name) => ({ name, port: numbers[name]!, targetPort: name, protocol: "TCP" })),
    },
  };
}
