import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "../output/index.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * The flags and positional arguments of one command.
 * @throws UsageError (exit 2) for an unknown flag, with the nearest known one, or a flag that lacks its value.
 */
export function parseFlags<T extends Options>(
  args: readonly string[],
  options: T,
  settings: { readonly positionalsMax?: number } = {},
): {
  readonly values: ReturnType<typeof parseArgs<{ options: T }>>["values"];
  readonly positionals: readonly string[];
} {
  const positionalsMax = settings.positionalsMax ?? 0;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    if (positionals.length > positionalsMax) {
      throw new UsageError(`unexpected argument ${JSON.stringify(positionals[positionalsMax])}`);
    }
    return { values, positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const flag = /'(-[^' ]+)/.exec(error.message)?.[1];
    const isUnknown = (error as NodeJS.ErrnoException).code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
    if (!isUnknown || flag === undefined) throw new UsageError(error.message, { cause: error });
    throw UsageError.unknown(
      "flag",
      flag,
      Object.keys(options).map((name) => `--${name}`),
    );
  }
}

/**
 * A port number given by a flag.
 * @throws UsageError
 */
export function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(
    `${flag}: ${JSON.stringify(text)} is no port; write a number from 0 (any free one) to 65535`,
  );
}

/**
 * A number of seconds given by a flag.
 * @throws UsageError
 */
export function parseSeconds(flag: string, text: string): number {
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new UsageError(`${flag}: ${JSON.stringify(text)} is no number of seconds; write one such as 15`);
}
