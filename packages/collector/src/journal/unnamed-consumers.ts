import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { cursorPath, listCursors, type Consumer } from "./cursor.ts";
import type { JournalFiles } from "./files.ts";

/**
 * Says of each cursor whose consumer nobody names any more, as when an exporter was removed or renamed, that it holds records
 * back: it may come back, so only a person can tell. Without named consumers nothing is known.
 */
export function warnOfUnnamedConsumers(place: {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly consumers: readonly Consumer[];
  readonly log: Log | undefined;
}): void {
  const { files, dir, stream, consumers, log } = place;
  if (consumers.length === 0) return;
  for (const consumer of listCursors(files, dir, stream)) {
    if (consumers.some(({ name }) => name === consumer)) continue;
    log?.warn(
      "a consumer that is not configured still holds records back; delete its cursor unless it will come back",
      { stream, consumer, cursor: cursorPath(dir, { stream, consumer }) },
    );
  }
}
