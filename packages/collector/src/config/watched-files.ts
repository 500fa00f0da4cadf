import { statSync } from "node:fs";
import { CollectorError } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";

const checkIntervalMs = 1_000;

interface WatchSettings<T> {
  /** They belong together: when one changed, all are read. */
  readonly files: readonly string[];
  /** @throws CollectorError when the files are of no use. */
  readonly read: () => T;
  /** Key of the configuration, for the log. */
  readonly key: string;
  readonly nowMs: () => number;
  readonly log: Log;
}

/**
 * What files hold, read again when they changed; looked at when it is asked for, once a second at most.
 * While they are of no use (half-written, a certificate without its key yet) the old content holds, and is tried again.
 * @throws what `read` throws, at first only.
 */
export function openWatched<T>({ files, read, key, nowMs, log }: WatchSettings<T>): () => T {
  let state = stateOf(files);
  let content = read();
  let checkedMs = nowMs();
  let isBroken = false;
  return () => {
    if (nowMs() - checkedMs < checkIntervalMs) return content;
    checkedMs = nowMs();
    const stateNow = stateOf(files);
    if (stateNow === state && !isBroken) return content;
    try {
      content = read();
      isBroken = false;
      log.info("files were read again after they changed", { key });
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      if (!isBroken || stateNow !== state) {
        log.warn("files that changed are of no use; what they held before stays in force", { key, error });
      }
      isBroken = true;
    }
    state = stateNow;
    return content;
  };
}

/** Differs whenever a file was written, replaced or, as Kubernetes does it, its symbolic link moved. */
function stateOf(files: readonly string[]): string {
  const states = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? "none" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  });
  return states.join("\n");
}
