import type { EvidenceTrace, Labels } from "../model/index.ts";

export type AlertState = "inactive" | "pending" | "firing";

/** One instance of an alert: an element of the rule's result, with the rule's labels. */
export interface Alert {
  /** With the rule's labels and `alertname`, sorted. */
  readonly labels: Labels;
  readonly fingerprint: string;
  annotations: Readonly<Record<string, string>>;
  state: AlertState;
  value: number;
  /** When its element was first seen. */
  activeAtMs: number;
  firedAtMs: number | undefined;
  resolvedAtMs: number | undefined;
  lastSentAtMs: number | undefined;
  /** Since when it fires without its element. */
  keepFiringSinceMs: number | undefined;
  /** Time of the newest evaluation that had its element; a tick for an earlier slot must not take it away. */
  lastSeenMs: number;
  evidence: readonly EvidenceTrace[];
}

/** What one evaluation says of one alert. */
export interface AlertSighting {
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Alerts of one rule by their labels' key. */
export type AlertMap = Map<string, Alert>;

// Prometheus keeps a resolved alert this long to send it again (rules/alerting.go, resolvedRetention).
export const resolvedRetentionMs = 900_000;
