/** One stream of a push request, whatever its encoding. */
export interface LokiStream {
  /** Names and values in turn. */
  readonly labels: readonly string[];
  readonly entries: readonly LokiEntry[];
}

export interface LokiEntry {
  readonly timeUnixNano: bigint;
  readonly line: string;
  /** Structured metadata: names and values in turn. */
  readonly metadata: readonly string[];
}
