import type { AlertEvent } from "../model/index.ts";

/** Alerts that are told of together. */
export interface AlertGroup {
  /** As Alertmanager forms it for its root route: `{}:{alertname="X"}`. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly alerts: Map<string, AlertEvent>;
  lastFlushMs: number | undefined;
  /** Something came since the last flush. */
  isDirty: boolean;
  isFlushing: boolean;
  cancelTimer: () => void;
}

/** The labels that put an alert into its group; "..." means all of them. A label that it lacks is left out. */
export function groupLabelsOf(event: AlertEvent, groupBy: readonly string[]): Record<string, string> {
  const labels = Object.create(null) as Record<string, string>;
  const names = groupBy.includes("...") ? Object.keys(event.labels) : groupBy;
  for (const name of names.toSorted()) {
    const value = event.labels[name];
    if (value !== undefined) labels[name] = value;
  }
  return labels;
}

/** The key of a group under the root route, which has no matchers. */
export function groupKeyOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{}:{${pairs.join(", ")}}`;
}

export function createAlertGroup(key: string, labels: Readonly<Record<string, string>>): AlertGroup {
  return {
    key,
    labels,
    alerts: new Map(),
    lastFlushMs: undefined,
    isDirty: false,
    isFlushing: false,
    cancelTimer: () => {},
  };
}

/** Takes an alert in. Returns whether that is news, as opposed to the repetition of what is known. */
export function insertAlert(group: AlertGroup, event: AlertEvent): boolean {
  const known = group.alerts.get(event.fingerprint);
  group.alerts.set(event.fingerprint, event);
  return known === undefined || known.status !== event.status || known.startsAtMs !== event.startsAtMs;
}

/** The group's alerts in Alertmanager's order: by job, then instance, then all labels. */
export function sortedAlerts(group: AlertGroup): AlertEvent[] {
  const keyed = [...group.alerts.values()].map((event) => ({ event, key: orderKey(event) }));
  keyed.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  return keyed.map(({ event }) => event);
}

function orderKey({ labels }: AlertEvent): string {
  // An alert without the label comes after those that have it.
  const first = ["job", "instance"].map((name) => labels[name] ?? "\uFFFF");
  const all = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return [...first, ...all.flat()].join("\u0000");
}
