import { CollectorError } from "../model/index.ts";

/** A wrong parameter of a request: answered with 400 in Prometheus' words. */
export class ParameterError extends Error {
  /** Prometheus names the parameter in most refusals, not in all: without a name the reason stands alone. */
  constructor(name: string | undefined, reason: string) {
    super(name === undefined ? reason : `invalid parameter ${JSON.stringify(name)}: ${reason}`);
    this.name = "ParameterError";
  }
}

/** Name and values of query string and form, in order, repeated names kept. Plain data, so that threads can pass it. */
export type Parameters = readonly (readonly [name: string, value: string])[];

export function parameter(parameters: Parameters, name: string): string | undefined {
  return parameters.find(([key]) => key === name)?.[1];
}

export function parametersNamed(parameters: Parameters, name: string): readonly string[] {
  return parameters.filter(([key]) => key === name).map(([, value]) => value);
}

const float = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** A date without a zone is none: JavaScript would read it in the zone of this machine. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** The ends of time, as far as a Date goes; some 270,000 years each way. */
export const beginningMs = -8.64e15;
export const endOfTimeMs = 8.64e15;

/** How Prometheus' own clients write "since ever" and "for ever": the least and the greatest time of Go. */
const endsOfGo: ReadonlyMap<string, number> = new Map([
  ["-292273086-05-16T16:47:06Z", beginningMs],
  ["292277025-08-18T07:12:54.999999999Z", endOfTimeMs],
]);

/**
 * Unix milliseconds of a float in seconds or an RFC 3339 date; `fallbackMs` where the parameter is not there.
 * @throws ParameterError
 */
export function timeMs(parameters: Parameters, name: string, fallbackMs?: number): number {
  const text = parameter(parameters, name);
  if ((text === undefined || text === "") && fallbackMs !== undefined) return fallbackMs;
  const parsedMs = parseTimeMs(text ?? "");
  if (parsedMs !== undefined) return parsedMs;
  const reason = `cannot parse ${JSON.stringify(text ?? "")} to a valid timestamp`;
  // Where the parameter may be left out, Prometheus says it twice.
  throw new ParameterError(
    name,
    fallbackMs === undefined ? reason : `invalid time value for '${name}': ${reason}`,
  );
}

function parseTimeMs(text: string): number | undefined {
  const end = endsOfGo.get(text);
  if (end !== undefined) return end;
  const ms = float.test(text)
    ? Math.round(Number(text) * 1_000)
    : rfc3339.test(text)
      ? Date.parse(text)
      : NaN;
  return ms >= beginningMs && ms <= endOfTimeMs ? ms : undefined;
}

/**
 * Milliseconds of a float in seconds or a Prometheus duration.
 * @throws ParameterError
 */
export function durationMs(
  parameters: Parameters,
  name: string,
  parseDurationMs: (text: string) => number | undefined,
  fallbackMs?: number,
): number {
  const text = parameter(parameters, name);
  if (text === undefined || text === "") {
    if (fallbackMs !== undefined) return fallbackMs;
    throw new ParameterError(name, `cannot parse "" to a valid duration`);
  }
  const ms = float.test(text) ? Number(text) * 1_000 : parseDurationMs(text);
  if (ms === undefined || !Number.isFinite(ms)) {
    throw new ParameterError(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  }
  return Math.round(ms);
}

/** The `limit` parameter; 0 means no limit. */
export function limitOf(parameters: Parameters): number {
  const text = parameter(parameters, "limit");
  if (text === undefined || text === "") return 0;
  if (!/^[+-]?\d+$/.test(text))
    throw new ParameterError("limit", `${JSON.stringify(text)} is no whole number`);
  const limit = Number(text);
  if (limit < 0) throw new ParameterError("limit", "limit must be non-negative");
  return limit;
}

/** What `parse` gives; what it refuses becomes a refusal of the parameter that held it, as Prometheus words it. */
export function inParameter<T>(name: string | undefined, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof CollectorError) throw new ParameterError(name, error.message);
    throw error;
  }
}
