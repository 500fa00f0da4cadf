import { CollectorError } from "../model/index.ts";
import { ParameterError } from "./parameters.ts";

/** A ready HTTP answer; the body is JSON. Made in the thread that has the data, sent as it is by the one that has the socket. */
export interface Answer {
  readonly statusCode: number;
  readonly body: string;
}

/** Prometheus' error types and the HTTP status that goes with each. */
const statusCodes = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  canceled: 499,
  not_found: 404,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorType = keyof typeof statusCodes;

/**
 * `{"status":"success","data":…}` around data that is JSON already.
 * @see Prometheus HTTP API, "Format overview"
 */
export function success(
  dataJson: string,
  notes: { warnings?: readonly string[]; infos?: readonly string[] } = {},
): Answer {
  const warnings = notes.warnings?.length ? `,"warnings":${JSON.stringify(notes.warnings)}` : "";
  const infos = notes.infos?.length ? `,"infos":${JSON.stringify(notes.infos)}` : "";
  return { statusCode: 200, body: `{"status":"success","data":${dataJson}${warnings}${infos}}` };
}

export function failure(errorType: ErrorType, message: string): Answer {
  return {
    statusCode: statusCodes[errorType],
    body: JSON.stringify({ status: "error", errorType, error: message }),
  };
}

/** The answer for whatever a query threw. */
export function failureOf(error: unknown): Answer {
  if (error instanceof ParameterError) return failure("bad_data", error.message);
  if (!(error instanceof CollectorError)) {
    return failure("internal", error instanceof Error ? error.message : String(error));
  }
  switch (error.code) {
    case "QUARTET_PROMQL_INVALID":
    case "QUARTET_REGEX_INVALID":
      return failure("bad_data", error.message);
    case "QUARTET_PROMQL_TIMEOUT":
      return failure("timeout", error.message);
    case "QUARTET_PROMQL_CANCELLED":
      return failure("canceled", error.message);
    case "QUARTET_PROMQL_EXECUTION":
    case "QUARTET_PROMQL_LIMIT":
      return failure("execution", error.message);
    case "QUARTET_CONFIG_INVALID":
    case "QUARTET_ADDRESS_IN_USE":
    case "QUARTET_ADDRESS_UNSAFE":
    case "QUARTET_JOURNAL_FULL":
    case "QUARTET_JOURNAL_UNAVAILABLE":
    case "QUARTET_JOURNAL_LOCKED":
    case "QUARTET_JOURNAL_VERSION":
    case "QUARTET_JOURNAL_MISSING":
    case "QUARTET_DEAD_LETTER_UNKNOWN":
    case "QUARTET_RECORD_TOO_LARGE":
    case "QUARTET_OTLP_INVALID":
    case "QUARTET_OTLP_TOO_LARGE":
    case "QUARTET_SNAPPY_INVALID":
    case "QUARTET_SERIES_INVALID":
    case "QUARTET_RULES_INVALID":
    case "QUARTET_BLOCK_INVALID":
    case "QUARTET_STATE_INVALID":
      return failure("internal", error.message);
  }
}
