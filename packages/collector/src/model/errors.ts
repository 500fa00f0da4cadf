/** Every error the collector raises on purpose. One line a code: what happened and whose turn it is. */
export type ErrorCode =
  | "QUARTET_CONFIG_INVALID" // the operator mends the file; the message lists every problem with its place
  | "QUARTET_ADDRESS_IN_USE" // the operator moves the port; the message names the key
  | "QUARTET_ADDRESS_UNSAFE" // a listener beyond loopback without a token; the message names the key
  | "QUARTET_JOURNAL_FULL" // the client waits: 503 with Retry-After
  | "QUARTET_JOURNAL_UNAVAILABLE" // the disk failed; the client waits: 503 with Retry-After
  | "QUARTET_JOURNAL_LOCKED" // another collector owns the directory
  | "QUARTET_JOURNAL_VERSION" // written by a newer version
  | "QUARTET_JOURNAL_MISSING" // the operator named a folder without a journal
  | "QUARTET_DEAD_LETTER_UNKNOWN" // the operator named a dead letter that is not there
  | "QUARTET_RECORD_TOO_LARGE" // one record over the segment size; never retried
  | "QUARTET_OTLP_INVALID" // the client's body is broken: 400, never retried
  | "QUARTET_OTLP_TOO_LARGE" // over the limit after decompression: 413
  | "QUARTET_SNAPPY_INVALID" // the client's body is no block of snappy: 400, never retried
  | "QUARTET_SERIES_INVALID" // a series record does not decode
  | "QUARTET_REGEX_INVALID" // a regular expression that RE2 refuses
  | "QUARTET_PROMQL_INVALID" // an expression does not parse or type-check
  | "QUARTET_PROMQL_EXECUTION" // an expression failed while it ran
  | "QUARTET_PROMQL_LIMIT" // a query passed its bound of samples, series or steps
  | "QUARTET_PROMQL_TIMEOUT" // a query took too long; a smaller one may do
  | "QUARTET_PROMQL_CANCELLED" // the client left
  | "QUARTET_RULES_INVALID" // a rule file; the message names file, line and column
  | "QUARTET_BLOCK_INVALID" // a block on disk is damaged; the message names the file
  | "QUARTET_STATE_INVALID"; // a state file on disk does not decode

/** The collector's one error class; `code` tells them apart, `cause` keeps what was underneath. */
export class CollectorError extends Error {
  readonly code: ErrorCode;
  /** When the sender may try again; undefined where trying again cannot help. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CollectorError";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether `error` is one of ours with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is CollectorError {
  return error instanceof CollectorError && error.code === code;
}
