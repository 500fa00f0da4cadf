import { readFileSync, statSync } from "node:fs";
import { CollectorError } from "../model/index.ts";

const checkIntervalMs = 1_000;

export interface WatchedFilesSettings<K extends string, T> {
  /** Paths of small files by the configuration key that names each, relative to `section`. */
  readonly files: Readonly<Record<K, string | undefined>>;
  /** Where the keys stand, as in `export.jaeger.tls`. */
  readonly section: string;
  /** Makes one thing of their contents; what it throws says that they are of no use. */
  readonly parse: (contents: Readonly<Partial<Record<K, Buffer>>>) => T;
  readonly nowMs: () => number;
}

/**
 * What files hold together (a certificate and its key, say). They are read again when one of them changed, looked at once a
 * second at most; the same object is given until then. While they cannot be read or parsed, half-written perhaps, the old one holds.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when they are of no use at first.
 */
export function watchFiles<K extends string, T>(settings: WatchedFilesSettings<K, T>): () => T {
  const { section, parse, nowMs } = settings;
  const files = Object.entries<string | undefined>(settings.files).filter(
    ([, path]) => path !== undefined,
  ) as [K, string][];
  const refuse = (key: string, cause: unknown): never => {
    const message = `${section}${key}: ${(cause as Error).message}`;
    throw new CollectorError("QUARTET_CONFIG_INVALID", message, { cause });
  };
  const load = (): T => {
    const contents: Partial<Record<K, Buffer>> = {};
    for (const [key, path] of files) {
      try {
        contents[key] = readFileSync(path);
      } catch (cause) {
        refuse(`.${key}`, cause);
      }
    }
    try {
      return parse(contents);
    } catch (cause) {
      return refuse(files.length === 1 ? `.${files[0]![0]}` : "", cause);
    }
  };
  const lookAt = (): string =>
    files
      .map(([, path]) => {
        const { mtimeMs, size, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
        return `${mtimeMs} ${size} ${ino}`;
      })
      .join();

  let seen = lookAt();
  let value = load();
  let checkedMs = nowMs();
  return () => {
    if (files.length === 0 || nowMs() - checkedMs < checkIntervalMs) return value;
    checkedMs = nowMs();
    const seenNow = lookAt();
    if (seenNow === seen) return value;
    try {
      value = load();
      seen = seenNow;
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      // Half-written or gone: what worked holds, and the next look tries again.
    }
    return value;
  };
}
