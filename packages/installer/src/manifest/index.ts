export { createCredentials, parseCredentials, type Credentials } from "./credentials.ts";
export { collectorImageDefault, listImages } from "./images.ts";
export { buildManifest, isWorkload, renderYaml, type Wave } from "./manifest.ts";
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
export { namespaceDefault, type InstallSettings, type RuleFile } from "./settings.ts";
export type { Manifest, Workload } from "./types.ts";
