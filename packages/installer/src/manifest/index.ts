export { buildCollectorConfig } from "./collector.ts";
export type { BuildContext } from "./context.ts";
export { createCredentials, parseCredentials, type Credentials } from "./credentials.ts";
export { collectorImageDefault, listImages, type Component, type Image } from "./images.ts";
export { buildJaegerConfig } from "./jaeger.ts";
export { buildManifest, isWorkload, renderYaml, type Wave, type WaveName } from "./manifest.ts";
export {
  agentSecretName,
  credentialsSecretName,
  fieldManager,
  hostOf,
  inventoryLabels,
  nameOf,
  nodeNamespaceOf,
  ports,
} from "./names.ts";
export { buildPrometheusConfig } from "./prometheus.ts";
export { namespaceDefault, type InstallSettings, type RuleFile } from "./settings.ts";
export type { Manifest, Workload } from "./types.ts";
