import { isDeepStrictEqual } from "node:util";

/** One alert as it came in, flattened from Alertmanager's payload. */
export interface ReceivedAlert {
  /** Counts up from 1 in order of receipt. */
  readonly id: number;
  readonly receivedAtMs: number;
  /** Told before: a notification of a group names all its alerts, also those that are no news. */
  readonly isRepeat: boolean;
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  /** RFC 3339; undefined while it fires. */
  readonly endsAt: string | undefined;
  readonly generatorUrl: string;
  /** The value that the rule saw; undefined when the sender is not Quartet. */
  readonly value: number | undefined;
  /** Traces that show what happened; [] when the sender is not Quartet. */
  readonly traces: readonly { readonly traceId: string; readonly url: string }[];
}

/** What is wrong with a payload, in words for the one who sends it. */
export class PayloadError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PayloadError";
  }
}

/**
 * The alerts of one webhook call, in the payload's order.
 * Unknown fields are passed over, so that payloads of Alertmanager and of Grafana work too.
 * @throws PayloadError naming the field.
 * @see Alertmanager, webhook_config, payload version 4
 */
export function parsePayload(
  body: unknown,
  receipt: {
    readonly receivedAtMs: number;
    readonly firstId: number;
    /** Newest first. */
    readonly known: readonly ReceivedAlert[];
  },
): readonly ReceivedAlert[] {
  const { receivedAtMs, firstId, known } = receipt;
  const payload = recordAt(body, "the body");
  const alerts = payload["alerts"];
  if (!Array.isArray(alerts))
    throw new PayloadError("alerts: should be a list, as in Alertmanager's webhook payload");
  return alerts.map((item: unknown, index) => {
    const place = `alerts[${index}]`;
    const alert = recordAt(item, place);
    const status = alert["status"];
    if (status !== "firing" && status !== "resolved") {
      throw new PayloadError(`${place}.status: should be "firing" or "resolved"`);
    }
    const quartet =
      typeof alert["quartet"] === "object" && alert["quartet"] !== null
        ? recordAt(alert["quartet"], place)
        : {};
    const labels = textsAt(alert["labels"], `${place}.labels`);
    const startsAt = textOf(alert["startsAt"]);
    const last = known.find((one) => isDeepStrictEqual(one.labels, labels));
    return {
      id: firstId + index,
      receivedAtMs,
      isRepeat: last?.status === status && last.startsAt === startsAt,
      receiver: textOf(payload["receiver"]),
      status,
      fingerprint: textOf(alert["fingerprint"]),
      labels,
      annotations: textsAt(alert["annotations"], `${place}.annotations`),
      startsAt,
      endsAt: status === "resolved" ? textOf(alert["endsAt"]) : undefined,
      generatorUrl: textOf(alert["generatorURL"]),
      value: typeof quartet["value"] === "number" ? quartet["value"] : undefined,
      traces: tracesOf(quartet["traces"]),
    };
  });
}

function tracesOf(value: unknown): { traceId: string; url: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    if (typeof item !== "object" || item === null) return [];
    const trace = item as Record<string, unknown>;
    return typeof trace["traceId"] === "string"
      ? [{ traceId: trace["traceId"], url: textOf(trace["url"]) }]
      : [];
  });
}

function recordAt(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new PayloadError(`${place}: should be an object`);
}

function textsAt(value: unknown, place: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  const texts = Object.create(null) as Record<string, string>;
  for (const [name, text] of Object.entries(recordAt(value, place))) texts[name] = textOf(text);
  return texts;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}
