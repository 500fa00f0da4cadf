import { tracingChannel } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The first version that publishes its lines by itself. */
const publishingSince = { major: 9, minor: 10 };
/** Before this one the inside was another. */
const majorMin = 8;

/**
 * Makes a pino older than 9.10 publish the same channel as later ones. `from` is a file of the service: its pino, and the one that its
 * fastify uses, are looked at. Gives the versions that were changed. A copy that is new enough is not even loaded.
 */
export function publishOlderPino(from: string): string[] {
  const require = createRequire(from);
  const changed: string[] = [];
  const seen = new Set<string>();
  for (const start of [from, resolve(require, "fastify")]) {
    const manifest = start === undefined ? undefined : resolve(createRequire(start), "pino/package.json");
    if (manifest === undefined || seen.has(manifest)) continue;
    seen.add(manifest);
    const { version } = require(manifest) as { version: string };
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const publishes =
      major > publishingSince.major || (major === publishingSince.major && minor >= publishingSince.minor);
    if (publishes || major < majorMin) continue;
    publish(require(join(dirname(manifest), "lib", "proto.js")) as () => object);
    changed.push(version);
  }
  return changed;
}

/** Wraps the method that makes lines on the prototype that all loggers of this copy share. */
function publish(createLogger: () => object): void {
  const prototype = Reflect.getPrototypeOf(createLogger()) as Record<symbol, unknown>;
  const asJson = Object.getOwnPropertySymbols(prototype).find(
    ({ description }) => description === "pino.asJson",
  );
  if (asJson === undefined) return;
  const original = prototype[asJson] as (...args: unknown[]) => unknown;
  const channel = tracingChannel("pino_asJson");
  prototype[asJson] = function (this: object, ...args: unknown[]): unknown {
    if (!channel.hasSubscribers) return Reflect.apply(original, this, args);
    return channel.traceSync(original, { instance: this, arguments: args }, this, ...args);
  };
}

function resolve(require: NodeJS.Require, specifier: string): string | undefined {
  try {
    return require.resolve(specifier);
  } catch {
    // The service does not use it.
    return undefined;
  }
}
