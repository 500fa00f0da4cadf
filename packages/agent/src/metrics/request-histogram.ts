import type { Family, FamilySample, FamilySource } from "./families.ts";

const name = "http_server_request_duration_seconds";
/** @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** As in OpenTelemetry's SDKs: more series than this are a mistake, and would cost the service its memory. */
const seriesCountMax = 2_000;

/** A request that has ended. `route` is the template, "" when unknown; `statusCode` 0 when there was no answer. */
interface RequestObservation {
  readonly method: string;
  readonly route: string;
  readonly statusCode: number;
  readonly durationSeconds: number;
}

interface Series {
  readonly labels: Record<string, string>;
  /** Requests in each bucket, not yet added up; the last is +Inf. */
  readonly counts: Float64Array;
  sum: number;
}

export interface RequestHistogram extends FamilySource {
  readonly observe: (observation: RequestObservation) => void;
}

/**
 * The histogram of server requests. It counts every request, sampled or not, in flat memory: three look-ups and two additions, where
 * prom-client's own `observe` hashes an object of labels.
 * Over the limit of series a request counts under route "", whose series are bounded by methods and status codes.
 */
export function createRequestHistogram(): RequestHistogram {
  const byMethod = new Map<string, Map<string, Map<number, Series>>>();
  const all: Series[] = [];

  const seriesOf = (method: string, route: string, statusCode: number): Series => {
    const found = byMethod.get(method)?.get(route)?.get(statusCode);
    if (found !== undefined) return found;
    if (all.length >= seriesCountMax && route !== "") return seriesOf(method, "", statusCode);
    const byRoute = byMethod.get(method) ?? new Map<string, Map<number, Series>>();
    const byStatus = byRoute.get(route) ?? new Map<number, Series>();
    const series: Series = {
      labels: {
        http_request_method: method,
        http_route: route,
        http_response_status_code: statusCode === 0 ? "" : String(statusCode),
      },
      counts: new Float64Array(bounds.length + 1),
      sum: 0,
    };
    byMethod.set(method, byRoute);
    byRoute.set(route, byStatus);
    byStatus.set(statusCode, series);
    all.push(series);
    return series;
  };

  return {
    observe({ method, route, statusCode, durationSeconds }) {
      const series = seriesOf(method, route, statusCode);
      let index = 0;
      while (index < bounds.length && durationSeconds > bounds[index]!) index += 1;
      series.counts[index]! += 1;
      series.sum += durationSeconds;
    },
    collect: (): Family[] => [
      {
        name,
        help: "Duration of HTTP requests that this service answered.",
        type: "histogram",
        samples: all.flatMap(samplesOf),
      },
    ],
  };
}

function samplesOf({ labels, counts, sum }: Series): FamilySample[] {
  let total = 0;
  const buckets = Array.from(counts, (count, index): FamilySample => {
    total += count;
    const bound = bounds[index];
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bound === undefined ? "+Inf" : String(bound) },
      value: total,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
