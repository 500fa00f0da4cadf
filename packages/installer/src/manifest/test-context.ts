import type { BuildContext } from "./context.ts";
import { createCredentials, type Credentials } from "./credentials.ts";
import type { InstallSettings } from "./settings.ts";

/** Settings for tests: nothing but what `quartet install` without flags sets. */
export const settingsDefault: InstallSettings = {
  namespace: "quartet",
  version: "1.2.3",
  registry: undefined,
  collectorImage: undefined,
  webhook: undefined,
  ruleFiles: [],
  agentNamespaces: [],
  storageClass: undefined,
};

/** Settings for tests: every flag used. */
export const settingsFull: InstallSettings = {
  namespace: "observe",
  version: "1.2.3",
  registry: "registry.example.com:5000/mirror",
  collectorImage: "registry.example.com/own-collector:7",
  webhook: "https://hooks.example.com/services/T$0/secret",
  ruleFiles: [{ name: "shop.yaml", text: "groups: []\n" }],
  agentNamespaces: ["shop", "billing"],
  storageClass: "fast",
};

/** Credentials that say what they are, so that a test can look for them. */
export function testCredentials(): Credentials {
  let count = 0;
  return createCredentials((sizeBytes) => {
    count += 1;
    return new Uint8Array(sizeBytes).fill(count);
  });
}

export function testContext(settings: InstallSettings): BuildContext {
  return { settings, credentials: testCredentials() };
}
