import { watchFiles } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";

/**
 * The bearer tokens of a file, one a line; empty lines and lines that begin with # do not count.
 * Tokens rotate without a restart: write the new one below the old one, move the senders, delete the old one.
 * @throws CollectorError QUARTET_CONFIG_INVALID when the file cannot be read at first or holds no token: an empty list would mean "no token needed".
 */
export function openTokens(settings: {
  readonly file: string;
  /** Where the key tokens_file stands. */
  readonly section: string;
  readonly nowMs: () => number;
  readonly log: Log;
}): () => readonly string[] {
  const { file } = settings;
  return watchFiles({
    ...settings,
    files: { tokens_file: file },
    parse: ({ tokens_file: content }) => {
      const tokens = content!
        .toString("utf8")
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#"));
      if (tokens.length === 0) throw new TypeError(`${file} holds no token; write one a line`);
      return tokens;
    },
  });
}
