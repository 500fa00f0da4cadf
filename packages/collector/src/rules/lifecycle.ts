import type { Alert, AlertMap, AlertSighting } from "./alert.ts";
import { resolvedRetentionMs } from "./alert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { labelsToRecord } from "../model/index.ts";

export interface LifecycleRule {
  readonly forMs: number;
  readonly keepFiringForMs: number;
}

/** What an evaluation changed. */
export interface LifecycleChange {
  /** Alerts that began to fire. */
  readonly fired: readonly Alert[];
  readonly resolved: readonly Alert[];
  /** Anything that must survive a restart: a state, or one of its times. */
  readonly isChanged: boolean;
  /** Pending and firing alerts afterwards. */
  readonly activeCount: number;
}

/**
 * Moves the alerts of a rule by one tick of its group, whose slot is `slotMs`.
 * An alert that an evaluation of the stream saw after the slot is left alone: the slot cannot know of it.
 * @see Prometheus 3.14, rules/alerting.go, Eval
 */
export function applyTick(
  alerts: AlertMap,
  sightings: ReadonlyMap<string, AlertSighting>,
  rule: LifecycleRule,
  slotMs: number,
): LifecycleChange {
  const fired: Alert[] = [];
  const resolved: Alert[] = [];
  let isChanged = sight(alerts, sightings, slotMs);
  let activeCount = 0;
  for (const [key, alert] of alerts) {
    const isSeen = sightings.has(key) || alert.lastSeenMs > slotMs;
    if (isSeen && alert.keepFiringSinceMs !== undefined) {
      alert.keepFiringSinceMs = undefined;
      isChanged = true;
    }
    if (!isSeen) {
      const before = alert.state;
      const stays = miss(alert, rule, slotMs);
      if (stays === "gone") alerts.delete(key);
      isChanged ||= stays === "gone" || before !== alert.state || alert.keepFiringSinceMs === slotMs;
      if (before === "firing" && alert.state === "inactive") resolved.push(alert);
      if (stays !== "active") continue;
    }
    activeCount += 1;
    // Never less than nothing: the stream may have begun it after this slot.
    const elapsedMs = Math.max(0, slotMs - alert.activeAtMs);
    if (alert.state === "pending" && elapsedMs >= rule.forMs) {
      fire(alert, slotMs);
      fired.push(alert);
      isChanged = true;
    } else if (alert.state === "firing" && elapsedMs < rule.forMs && (alert.firedAtMs ?? 0) <= slotMs) {
      // The rule was loaded again with a longer `for`.
      alert.state = "pending";
      alert.firedAtMs = undefined;
      alert.lastSentAtMs = undefined;
      alert.keepFiringSinceMs = undefined;
      isChanged = true;
    }
  }
  return { fired, resolved, isChanged, activeCount };
}

/**
 * Moves the alerts of a rule by an evaluation between the ticks: inactive → pending → firing, never back.
 */
export function applyStream(
  alerts: AlertMap,
  sightings: ReadonlyMap<string, AlertSighting>,
  rule: LifecycleRule,
  nowMs: number,
): LifecycleChange {
  let isChanged = sight(alerts, sightings, nowMs);
  const fired: Alert[] = [];
  for (const key of sightings.keys()) {
    const alert = alerts.get(key)!;
    if (alert.state !== "pending" || nowMs - alert.activeAtMs < rule.forMs) continue;
    fire(alert, nowMs);
    fired.push(alert);
    isChanged = true;
  }
  const activeCount = [...alerts.values()].filter(({ state }) => state !== "inactive").length;
  return { fired, resolved: [], isChanged, activeCount };
}

function fire(alert: Alert, atMs: number): void {
  alert.state = "firing";
  alert.firedAtMs = atMs;
}

/** Takes over what the evaluation saw: new alerts begin as pending. Returns whether there is a new one. */
function sight(alerts: AlertMap, sightings: ReadonlyMap<string, AlertSighting>, atMs: number): boolean {
  let isNew = false;
  for (const [key, sighting] of sightings) {
    const alert = alerts.get(key);
    if (alert !== undefined && alert.state !== "inactive") {
      // The stream may have looked at a later time than this slot's.
      if (alert.lastSeenMs <= atMs) {
        alert.value = sighting.value;
        alert.annotations = sighting.annotations;
        alert.lastSeenMs = atMs;
      }
      continue;
    }
    isNew = true;
    alerts.set(key, {
      labels: sighting.labels,
      fingerprint: alert?.fingerprint ?? fingerprintOf(labelsToRecord(sighting.labels)),
      annotations: sighting.annotations,
      state: "pending",
      value: sighting.value,
      activeAtMs: atMs,
      firedAtMs: undefined,
      resolvedAtMs: undefined,
      lastSentAtMs: undefined,
      keepFiringSinceMs: undefined,
      lastSeenMs: atMs,
      evidence: [],
    });
  }
  return isNew;
}

/** What becomes of an alert whose element is missing. */
function miss(alert: Alert, rule: LifecycleRule, slotMs: number): "active" | "inactive" | "gone" {
  switch (alert.state) {
    case "pending":
      return "gone";
    case "inactive":
      return slotMs - (alert.resolvedAtMs ?? slotMs) > resolvedRetentionMs ? "gone" : "inactive";
    case "firing":
      if (rule.keepFiringForMs > 0) {
        alert.keepFiringSinceMs ??= slotMs;
        if (slotMs - alert.keepFiringSinceMs < rule.keepFiringForMs) return "active";
      }
      alert.state = "inactive";
      alert.resolvedAtMs = slotMs;
      return "inactive";
  }
}

/** Whether the notifier should hear of an alert now; a firing or resolved one is repeated every `resendDelayMs`. */
export function needsSending(alert: Alert, atMs: number, resendDelayMs: number): boolean {
  if (alert.state === "pending") return false;
  if (alert.lastSentAtMs === undefined) return true;
  if (alert.resolvedAtMs !== undefined && alert.resolvedAtMs > alert.lastSentAtMs) return true;
  return alert.lastSentAtMs + resendDelayMs < atMs;
}
