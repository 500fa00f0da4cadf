import { createRequire } from "node:module";
import { register, type Registry } from "prom-client";
import { familiesOfRegistry, type FamilySource } from "./families.ts";

/**
 * The default registry of the service's prom-client. `from` is a file of the service; when its copy is another than the agent's, that
 * copy's registry is read as soon as the service has loaded it. It is never loaded on the agent's account.
 */
export function createServiceRegistry(from: string): FamilySource {
  const require = createRequire(from);
  const path = resolve(require);
  return {
    collect() {
      const loaded = path === undefined ? undefined : require.cache[path];
      const own = (loaded?.exports as { register?: Registry } | undefined)?.register;
      return familiesOfRegistry(own ?? register).collect();
    },
  };
}

function resolve(require: NodeJS.Require): string | undefined {
  try {
    return require.resolve("prom-client");
  } catch {
    // The service has none of its own.
    return undefined;
  }
}
