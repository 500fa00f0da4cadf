import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A package that is loaded when it is first asked for: what only some threads use shall not lie in the memory of all. */
export function lazyRequire(name: string): () => unknown {
  let loaded: unknown;
  return () => (loaded ??= require(name));
}
