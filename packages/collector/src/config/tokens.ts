import { readFileSync } from "node:fs";
import { CollectorError } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { openWatched } from "./watched-files.ts";

/**
 * The bearer tokens of a file, one a line; empty lines and lines that begin with # do not count.
 * Tokens rotate without a restart: write the new one below the old one, move the senders, delete the old one.
 * @throws CollectorError QUARTET_CONFIG_INVALID when the file cannot be read at first or holds no token: an empty list would mean "no token needed".
 */
export function openTokens(settings: {
  readonly file: string;
  readonly key: string;
  readonly nowMs: () => number;
  readonly log: Log;
}): () => readonly string[] {
  const { file, key } = settings;
  return openWatched({ ...settings, files: [file], read: () => read(file, key) });
}

function read(file: string, key: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CollectorError(
      "QUARTET_CONFIG_INVALID",
      `${key}: cannot read ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
  const tokens = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0) {
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${key}: ${file} holds no token; write one a line`);
  }
  return tokens;
}
