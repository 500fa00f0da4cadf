import { readFileSync, statSync } from "node:fs";
import { CollectorError } from "../model/index.ts";

const checkIntervalMs = 1_000;

/**
 * The bearer tokens of a file, one a line; empty lines and lines that begin with # do not count.
 * The file is read again when it changed, looked at once a second at most; while it cannot be read the old tokens hold.
 * @throws CollectorError QUARTET_CONFIG_INVALID when the file cannot be read at first or holds no token: an empty list would mean "no token needed".
 */
export function openTokens(settings: {
  readonly file: string;
  readonly key: string;
  readonly nowMs: () => number;
}): () => readonly string[] {
  const { file, key, nowMs } = settings;
  let modifiedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  let tokens = read(file, key);
  let checkedMs = nowMs();
  return () => {
    if (nowMs() - checkedMs < checkIntervalMs) return tokens;
    checkedMs = nowMs();
    const modifiedNowMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (modifiedNowMs === undefined || modifiedNowMs === modifiedMs) return tokens;
    try {
      tokens = read(file, key);
      modifiedMs = modifiedNowMs;
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      // Half-written or emptied: keep the tokens that worked and look again later.
    }
    return tokens;
  };
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
