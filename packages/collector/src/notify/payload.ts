import type { AlertEvent } from "../model/index.ts";
import type { NotificationReason } from "./dedup.ts";

/** One alert in a payload. Fields and order are Alertmanager's; `quartet` is ours, and others pass it over. */
export interface PayloadAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  /** RFC 3339; the year 1 while it fires. */
  readonly endsAt: string;
  readonly generatorURL: string;
  /** 16 hex digits. */
  readonly fingerprint: string;
  readonly quartet: QuartetBlock;
}

/** What Quartet adds to an alert: at most 8 KiB of JSON. */
export interface QuartetBlock {
  /** A text ("NaN", "+Inf", "-Inf") where JSON has no number. */
  readonly value: number | string;
  readonly traces: readonly {
    readonly traceId: string;
    readonly spanId: string;
    /** RFC 3339. */
    readonly timestamp: string;
    readonly url: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

/** Alertmanager's webhook payload, version 4. */
export interface WebhookPayload {
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly PayloadAlert[];
  readonly notification_reason: NotificationReason;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly routeLabels: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly version: "4";
  readonly groupKey: string;
  readonly truncatedAlerts: number;
}

export interface PayloadSettings {
  readonly receiver: string;
  readonly externalUrl: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly reason: NotificationReason;
  /** The first so many are kept; 0 = all. */
  readonly maxAlerts: number;
}

const quartetBytesMax = 8_192;
const goZeroTime = "0001-01-01T00:00:00Z";

/** RFC 3339 as Go writes it, without zeros at the end of the fraction. */
export const formatTime = (timeMs: number): string =>
  new Date(timeMs)
    .toISOString()
    .replace(/\.(\d*?)0*Z$/, (_whole, digits: string) => (digits === "" ? "Z" : `.${digits}Z`));

/** One alert as it stands in a payload. */
export function buildPayloadAlert(event: AlertEvent): PayloadAlert {
  return {
    status: event.status,
    labels: event.labels,
    annotations: event.annotations,
    startsAt: formatTime(event.startsAtMs),
    endsAt:
      event.status === "firing" || event.endsAtMs === undefined ? goZeroTime : formatTime(event.endsAtMs),
    generatorURL: event.generatorUrl,
    fingerprint: event.fingerprint,
    quartet: buildQuartetBlock(event),
  };
}

function buildQuartetBlock({ value, evidence }: AlertEvent): QuartetBlock {
  const shown = Number.isFinite(value) ? value : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const traces = evidence.map(({ traceId, spanId, timestampMs, url, seriesLabels }) => ({
    traceId,
    spanId,
    timestamp: formatTime(timestampMs),
    url,
    labels: seriesLabels,
  }));
  while (traces.length > 0 && Buffer.byteLength(JSON.stringify({ value: shown, traces })) > quartetBytesMax)
    traces.pop();
  return { value: shown, traces };
}

/**
 * The body of a notification.
 * @see Alertmanager, notify/webhook and template.Data
 */
export function buildPayload(alerts: readonly PayloadAlert[], settings: PayloadSettings): WebhookPayload {
  const { maxAlerts } = settings;
  const kept = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts;
  return {
    receiver: settings.receiver.replaceAll(/[\\.+*?()|[\]{}^$]/g, "\\$&"),
    status: kept.some(({ status }) => status === "firing") ? "firing" : "resolved",
    alerts: kept,
    notification_reason: settings.reason,
    groupLabels: settings.groupLabels,
    commonLabels: commonOf(kept.map(({ labels }) => labels)),
    commonAnnotations: commonOf(kept.map(({ annotations }) => annotations)),
    routeLabels: {},
    externalURL: settings.externalUrl,
    version: "4",
    groupKey: settings.groupKey,
    truncatedAlerts: alerts.length - kept.length,
  };
}

/** Pairs that all records have. */
function commonOf(records: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first, ...others] = records;
  const common = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(first ?? {})) {
    if (others.every((other) => other[name] === value)) common[name] = value;
  }
  return common;
}

/**
 * The body of a newer notification that takes the place of an older one, which was never delivered: what the older one
 * would have said of resolved alerts is said by the newer one, should it be silent about them.
 */
export function carryResolved(newerBody: string, olderBody: string): string {
  const newer = JSON.parse(newerBody) as WebhookPayload;
  const older = JSON.parse(olderBody) as WebhookPayload;
  const known = new Set(newer.alerts.map(({ fingerprint }) => fingerprint));
  const carried = older.alerts.filter(
    ({ status, fingerprint }) => status === "resolved" && !known.has(fingerprint),
  );
  if (carried.length === 0) return newerBody;
  const alerts = [...newer.alerts, ...carried];
  const merged: WebhookPayload = {
    ...newer,
    alerts,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
  };
  return JSON.stringify(merged);
}
