import type { Telemetry } from "../telemetry/index.ts";
import type { DeadLetterReason } from "./dead-letters.ts";

/** Metrics of the notifier. queued + recovered = sent + superseded + dead letters + rows in the outbox. */
export interface NotifyTelemetry {
  queued(receiver: string): void;
  recovered(receiver: string): void;
  superseded(receiver: string): void;
  sent(receiver: string, delaySeconds: number): void;
  gaveUp(receiver: string, reason: DeadLetterReason): void;
  attempted(receiver: string, result: { readonly isAccepted: boolean; readonly seconds: number }): void;
  writeFailed(): void;
  brokenLines(count: number): void;
}

const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export function createNotifyTelemetry(
  telemetry: Telemetry,
  receivers: readonly string[],
  rows: () => readonly { readonly receiver: string; readonly createdAtMs: number }[],
  nowMs: () => number,
): NotifyTelemetry {
  const labelNames = ["receiver"];
  const counter = (name: string, help: string, names: readonly string[] = labelNames) =>
    telemetry.counter({ name, help, labelNames: names });
  const queued = counter("quartet_notify_queued_total", "Notifications put into the outbox.");
  const recovered = counter(
    "quartet_notify_recovered_total",
    "Notifications found in the outbox at the start.",
  );
  const superseded = counter(
    "quartet_notify_superseded_total",
    "Unsent notifications that a newer one of their group took the place of.",
  );
  const sent = counter("quartet_notify_sent_total", "Notifications that their receiver accepted.");
  const dead = counter("quartet_notify_dead_letters_total", "Notifications given up, by reason.", [
    "receiver",
    "reason",
  ]);
  const requests = counter("quartet_notify_requests_total", "Attempts to deliver a notification.");
  const failures = counter(
    "quartet_notify_requests_failed_total",
    "Attempts that the receiver did not accept.",
  );
  const writeFailures = counter(
    "quartet_notify_state_write_failures_total",
    "Records of the outbox that could not be written.",
    [],
  );
  const broken = counter(
    "quartet_notify_broken_records_total",
    "Records of the outbox that did not decode at the start.",
    [],
  );
  const latency = telemetry.histogram({
    name: "quartet_notify_request_duration_seconds",
    help: "How long an attempt took.",
    labelNames,
    buckets: secondsBuckets,
  });
  const delay = telemetry.histogram({
    name: "quartet_notify_delay_seconds",
    help: "From putting a notification into the outbox to its acceptance.",
    labelNames,
    buckets: secondsBuckets,
  });
  const count = (
    set: (value: number, labels: Record<string, string>) => void,
    value: (own: readonly { createdAtMs: number }[]) => number,
  ) => {
    const all = rows();
    for (const receiver of receivers)
      set(value(all.filter((row) => row.receiver === receiver)), { receiver });
  };
  telemetry.observedGauge(
    { name: "quartet_notify_outbox_rows", help: "Notifications in the outbox.", labelNames },
    (set) => count(set, (own) => own.length),
  );
  telemetry.observedGauge(
    {
      name: "quartet_notify_outbox_oldest_age_seconds",
      help: "Age of the oldest notification in the outbox; 0 when it is empty.",
      labelNames,
    },
    (set) =>
      count(set, (own) =>
        own.reduce((age, { createdAtMs }) => Math.max(age, (nowMs() - createdAtMs) / 1_000), 0),
      ),
  );
  for (const receiver of receivers) {
    for (const each of [queued, recovered, superseded, sent, requests, failures]) each.add({ receiver }, 0);
  }
  return {
    queued: (receiver) => queued.add({ receiver }),
    recovered: (receiver) => recovered.add({ receiver }),
    superseded: (receiver) => superseded.add({ receiver }),
    sent(receiver, delaySeconds) {
      sent.add({ receiver });
      delay.observe(delaySeconds, { receiver });
    },
    gaveUp: (receiver, reason) => dead.add({ receiver, reason }),
    attempted(receiver, { isAccepted, seconds }) {
      requests.add({ receiver });
      if (!isAccepted) failures.add({ receiver });
      latency.observe(seconds, { receiver });
    },
    writeFailed: () => writeFailures.add(),
    brokenLines: (lines) => broken.add({}, lines),
  };
}
