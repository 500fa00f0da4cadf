import { severityOfNumber } from "../model/index.ts";
import { scanLogs, type LogScan } from "../otlp/index.ts";
import { createInterner, type Interner } from "./interner.ts";
import type { ServiceCounters } from "./service-counters.ts";
import { createSeverityLookup } from "./severities.ts";
import type { ResourceSources } from "./sources.ts";

/** Counts the log records of one record of the journal by service and severity. */
export function createLogReader({
  services,
  logs,
  sources,
  skip,
}: {
  readonly services: Interner;
  readonly logs: ServiceCounters;
  readonly sources: ResourceSources;
  readonly skip: (reason: "no_service_name") => void;
}): (payload: Uint8Array, receivedAtMs: number) => void {
  const severityOfText = createSeverityLookup(createInterner({ entriesMax: 256 }));
  let bytes = new Uint8Array() as Uint8Array;
  let receivedAtMs = 0;
  let resourceStart = Number.NaN;
  let service = -1;
  let hasService = false;

  function enterResource(scan: LogScan): void {
    resourceStart = scan.resourceStart;
    hasService = scan.serviceNameStart >= 0 && scan.serviceNameEnd > scan.serviceNameStart;
    if (!hasService) return;
    service = services.intern(bytes, scan.serviceNameStart, scan.serviceNameEnd, receivedAtMs);
    sources.heard(bytes, scan, service, receivedAtMs);
  }

  function visit(scan: LogScan): void {
    if (scan.resourceStart !== resourceStart) enterResource(scan);
    if (!hasService) {
      skip("no_service_name");
      return;
    }
    let severity = severityOfNumber(scan.severityNumber);
    // A logger without numbers leaves the text alone to say it.
    if (severity === 0 && scan.severityTextStart >= 0) {
      severity = severityOfText(bytes, scan.severityTextStart, scan.severityTextEnd);
    }
    logs.add(service, severity, 1, receivedAtMs);
  }

  return (payload, atMs) => {
    bytes = payload;
    receivedAtMs = atMs;
    resourceStart = Number.NaN;
    scanLogs(payload, visit);
  };
}
