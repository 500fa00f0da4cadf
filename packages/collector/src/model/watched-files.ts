import { readFileSync, statSync } from "node:fs";
import type { Log } from "../telemetry/index.ts";
import { CollectorError } from "./errors.ts";

const checkIntervalMs = 1_000;

export interface WatchedFilesSettings<K extends string, T> {
  /** Paths of small files by the configuration key that names each, relative to `section`. They belong together. */
  readonly files: Readonly<Record<K, string | undefined>>;
  /** Where the keys stand, as in `export.jaeger.tls`. */
  readonly section: string;
  /** Makes one thing of their contents; what it throws says that they are of no use, a CollectorError in its own words. */
  readonly parse: (contents: Readonly<Partial<Record<K, Buffer>>>) => T;
  readonly nowMs: () => number;
  readonly log: Log;
}

/**
 * What files hold together (a certificate and its key, say). When one of them changed all are read again, looked at when it is
 * asked for, once a second at most; the same object is given until then. While they are of no use (half-written, a
 * certificate without its key yet) the old one holds, and they are tried again.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when they are of no use at first.
 */
export function watchFiles<K extends string, T>(settings: WatchedFilesSettings<K, T>): () => T {
  const { section, nowMs, log } = settings;
  const files = Object.entries<string | undefined>(settings.files).filter(
    ([, path]) => path !== undefined,
  ) as [K, string][];
  let seen = stateOf(files);
  let value = load(files, settings);
  let checkedMs = nowMs();
  let isBroken = false;
  return () => {
    if (files.length === 0 || nowMs() - checkedMs < checkIntervalMs) return value;
    checkedMs = nowMs();
    const seenNow = stateOf(files);
    if (seenNow === seen && !isBroken) return value;
    try {
      value = load(files, settings);
      isBroken = false;
      log.info("files were read again after they changed", { section });
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      if (!isBroken || seenNow !== seen)
        log.warn("files that changed are of no use; what they held before stays in force", {
          section,
          error,
        });
      isBroken = true;
    }
    seen = seenNow;
    return value;
  };
}

function load<K extends string, T>(
  files: readonly (readonly [K, string])[],
  { section, parse }: WatchedFilesSettings<K, T>,
): T {
  const refuse = (key: string, problem: string, cause: unknown): never => {
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${section}${key}: ${problem}`, { cause });
  };
  const contents: Partial<Record<K, Buffer>> = {};
  for (const [key, path] of files) {
    try {
      contents[key] = readFileSync(path);
    } catch (cause) {
      refuse(`.${key}`, `cannot read ${path}: ${(cause as Error).message}`, cause);
    }
  }
  try {
    return parse(contents);
  } catch (cause) {
    if (cause instanceof CollectorError) throw cause;
    return refuse(files.length === 1 ? `.${files[0]![0]}` : "", (cause as Error).message, cause);
  }
}

/** Differs whenever a file was written, replaced or, as Kubernetes does it, its symbolic link moved. */
function stateOf(files: readonly (readonly [string, string])[]): string {
  const states = files.map(([, path]) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? "none" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  });
  return states.join("\n");
}
