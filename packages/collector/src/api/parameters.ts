import { CollectorError } from "../model/index.ts";

/** A wrong parameter of a request: answered with 400 in Prometheus' words. */
export class ParameterError extends Error {
  constructor(name: string, reason: string) {
    super(`invalid parameter ${JSON.stringify(name)}: ${reason}`);
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

/**
 * Unix milliseconds of a float in seconds or an RFC 3339 date.
 * @throws ParameterError
 */
export function timeMs(parameters: Parameters, name: string, fallbackMs?: number): number {
  const text = parameter(parameters, name);
  if (text === undefined || text === "") {
    if (fallbackMs !== undefined) return fallbackMs;
    throw new ParameterError(name, `cannot parse "" to a valid timestamp`);
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Math.round(Number(text) * 1_000);
  const parsedMs = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(parsedMs))
    throw new ParameterError(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return parsedMs;
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
  const ms = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)
    ? Number(text) * 1_000
    : parseDurationMs(text);
  if (ms === undefined || !Number.isFinite(ms)) {
    throw new ParameterError(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  }
  return Math.round(ms);
}

/** The `limit` parameter; 0 means no limit. */
export function limitOf(parameters: Parameters): number {
  const text = parameter(parameters, "limit");
  if (text === undefined || text === "") return 0;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 0) throw new ParameterError("limit", "limit must be non-negative");
  return limit;
}

/** The message of a refused expression, with the parameter that held it, as Prometheus words it. */
export function inParameter<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof CollectorError) throw new ParameterError(name, error.message);
    throw error;
  }
}
