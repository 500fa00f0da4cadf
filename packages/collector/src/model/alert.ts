/** A trace that shows what an alert is about. */
export interface EvidenceTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly timestampMs: number;
  /** Labels of the series that the trace was an example of. */
  readonly seriesLabels: Readonly<Record<string, string>>;
  /** Where a person can look at it. */
  readonly url: string;
}

/** What the rule engine hands to notify, and what a webhook finds in the `quartet` block. */
export interface AlertEvent {
  /** 16 hex digits, FNV-1a 64 over the sorted labels, as Alertmanager has it. */
  readonly fingerprint: string;
  readonly status: "firing" | "resolved";
  /** With `alertname`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** When it began to fire (not when it became pending). */
  readonly startsAtMs: number;
  /** When it resolved; undefined while it fires. */
  readonly endsAtMs: number | undefined;
  readonly generatorUrl: string;
  readonly value: number;
  readonly evidence: readonly EvidenceTrace[];
}
