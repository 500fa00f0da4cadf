import { expect, test } from "vitest";
import type { Family } from "./families.ts";
import { createRequestHistogram, type RequestHistogram } from "./request-histogram.ts";

const read = (histogram: RequestHistogram): Family => (histogram.collect() as Family[])[0]!;
const valueOf = (family: Family, metricName: string, labels: Record<string, string>) =>
  family.samples.find(
    (sample) =>
      sample.metricName === metricName &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;

test("buckets are cumulative, and a value on a bound belongs to it", () => {
  const histogram = createRequestHistogram();
  for (const durationSeconds of [0.001, 0.005, 0.006, 10, 11])
    histogram.observe({ method: "GET", route: "/a/:id", statusCode: 200, durationSeconds });
  const family = read(histogram);
  const bucket = (le: string) => valueOf(family, "http_server_request_duration_seconds_bucket", { le });
  expect([bucket("0.005"), bucket("0.01"), bucket("7.5"), bucket("10"), bucket("+Inf")]).toEqual([
    2, 3, 3, 4, 5,
  ]);
  expect(valueOf(family, "http_server_request_duration_seconds_count", {})).toBe(5);
  expect(valueOf(family, "http_server_request_duration_seconds_sum", {})).toBeCloseTo(21.012);
  expect(family.samples[0]?.labels).toMatchObject({
    http_request_method: "GET",
    http_route: "/a/:id",
    http_response_status_code: "200",
  });
});

test("a request without an answer has an empty status code", () => {
  const histogram = createRequestHistogram();
  histogram.observe({ method: "GET", route: "", statusCode: 0, durationSeconds: 1 });
  expect(read(histogram).samples[0]?.labels["http_response_status_code"]).toBe("");
});

test("over 2,000 series routes are no longer told apart, and nothing is lost", () => {
  const histogram = createRequestHistogram();
  for (let index = 0; index < 5_000; index += 1)
    histogram.observe({ method: "GET", route: `/r${index}`, statusCode: 200, durationSeconds: 1 });
  const counts = read(histogram).samples.filter(({ metricName }) => metricName?.endsWith("_count") === true);
  expect(counts).toHaveLength(2_001);
  expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(5_000);
  expect(counts.find(({ labels }) => labels["http_route"] === "")?.value).toBe(3_000);
});
