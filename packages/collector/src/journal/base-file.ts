import { join } from "node:path";
import type { Stream } from "../model/index.ts";
import { readWholeFile, replaceOrOverwrite, type JournalFiles } from "./files.ts";
import { journalFolder } from "./layout.ts";

/**
 * What of a stream must outlive its segments: the journal's id, as the only header there is may be damaged, and where the next
 * record would stand, for the moment at which the last segment is gone and the next one not yet durable.
 */
export interface StreamBase {
  readonly journalId: string;
  readonly offset: number;
  readonly items: number;
  readonly bytes: number;
}

const baseVersion = 1;

interface BasePlace {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
}

function basePath({ dir, stream }: BasePlace): string {
  return join(journalFolder(dir), `${stream}.base.json`);
}

/** undefined when there is none, or when it is damaged: segments say the same as long as there are any. */
export function readBase(place: BasePlace): StreamBase | undefined {
  const text = readWholeFile(place.files, basePath(place))?.toString("utf8") ?? "{}";
  try {
    const { version, ...base } = JSON.parse(text) as StreamBase & { readonly version?: number };
    return version === baseVersion && /^[0-9a-f]{32}$/.test(base.journalId) ? base : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Makes it durable, also on a full disk: only what frees space may follow. */
export function writeBase(place: BasePlace, base: StreamBase): void {
  const text = JSON.stringify({ version: baseVersion, ...base });
  // Of one length, so that it can be overwritten in place.
  replaceOrOverwrite(place.files, basePath(place), Buffer.from(`${text.padEnd(255)}\n`));
}
