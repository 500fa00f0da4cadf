import { durationBoundsMs } from "./red.ts";
import type { TestLog, TestSpan } from "./otlp-bytes.test-kit.ts";

/** What a record of a test holds, as plain objects. */
export type TestRecord =
  | {
      readonly kind: "spans";
      readonly service: string | undefined;
      readonly receivedAtMs: number;
      readonly spans: readonly TestSpan[];
    }
  | { readonly kind: "logs"; readonly service: string; readonly logs: readonly TestLog[] }
  | { readonly kind: "metrics"; readonly service: string; readonly delta: number };

const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const statuses = ["UNSET", "OK", "ERROR"];
const severities = ["UNSPECIFIED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Counts the same as derive in the plainest way, from the objects that the bytes were made of: labels as JSON → value. */
export function recount(records: readonly TestRecord[]): Map<string, number> {
  const values = new Map<string, number>();
  const add = (labels: Record<string, string>, value: number) => {
    const key = JSON.stringify(
      Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
    values.set(key, (values.get(key) ?? 0) + value);
  };
  for (const record of records) {
    if (record.kind === "metrics") {
      add({ __name__: "work_total", job: record.service, instance: "i" }, record.delta);
    } else if (record.kind === "logs") {
      for (const { severityNumber = 0 } of record.logs) {
        const severity = severities[Math.ceil(severityNumber / 4)]!;
        add({ __name__: "log_records_total", service_name: record.service, severity }, 1);
      }
    } else if (record.service !== undefined) {
      for (const span of record.spans) addSpan(span, record.service, record.receivedAtMs, add);
    }
  }
  return values;
}

function addSpan(
  span: TestSpan,
  service_name: string,
  receivedAtMs: number,
  add: (labels: Record<string, string>, value: number) => void,
): void {
  const weight =
    span.tracestate === undefined ? 1 : { "ot=th:8": 2, "x=y,ot=rv:1;th:c": 4 }[span.tracestate]!;
  if (receivedAtMs - Number(span.endNano / 1_000n) / 1_000 > 300_000) {
    add({ __name__: "traces_span_metrics_late_total", service_name }, weight);
    return;
  }
  const durationMs = Math.max(0, Number(span.endNano - span.startNano) / 1e6);
  const labels = {
    service_name,
    span_name: span.name,
    span_kind: `SPAN_KIND_${kinds[span.kind ?? 0] ?? "UNSPECIFIED"}`,
    status_code: `STATUS_CODE_${statuses[span.status ?? 0]}`,
  };
  const name = "traces_span_metrics_duration_milliseconds";
  add({ ...labels, __name__: "traces_span_metrics_calls_total" }, weight);
  add({ ...labels, __name__: `${name}_count` }, weight);
  add({ ...labels, __name__: `${name}_sum` }, durationMs * weight);
  for (const bound of [...durationBoundsMs, Infinity]) {
    const le = bound === Infinity ? "+Inf" : String(bound);
    add({ ...labels, __name__: `${name}_bucket`, le }, durationMs <= bound ? weight : 0);
  }
}
