import { expect, test } from "vitest";
import { boundText, labelName, metricName, unitName, type NamedKind } from "./names.ts";

test("a metric's name gets its unit and kind behind, each once", () => {
  const check = (name: string, unit: string, kind: NamedKind, expected: string) =>
    expect([name, unit, kind, metricName({ name, unit, kind })]).toEqual([name, unit, kind, expected]);
  check("http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds");
  check("http.server.duration", "ms", "histogram", "http_server_duration_milliseconds");
  check("process.cpu.time", "s", "counter", "process_cpu_time_seconds_total");
  check("requests", "1", "counter", "requests_total");
  check("requests_total", "", "counter", "requests_total");
  check("total.requests", "", "counter", "requests_total");
  check("system.cpu.utilization", "1", "gauge", "system_cpu_utilization_ratio");
  check("v8js.heap.size", "By", "gauge", "v8js_heap_size_bytes");
  check("disk.io", "By/s", "gauge", "disk_io_bytes_per_second");
  check("queue.length", "{item}", "gauge", "queue_length");
  check("speed", "{packet}/s", "gauge", "speed_per_second");
  check("weird  name--with.things", "foo bar", "gauge", "weird_name_with_things_foo_bar");
  check("process_cpu_seconds_total", "s", "counter", "process_cpu_seconds_total");
  check("2xx", "", "gauge", "_2xx");
  check("nodejs:gc", "", "gauge", "nodejs:gc");
  check("größe", "", "gauge", "gr_e");
  check("…", "", "gauge", "");
  check("constructor", "toString", "gauge", "constructor_toString");
});

test("the metadata's unit is written as in the name", () => {
  expect([unitName("By/s"), unitName("s"), unitName("1"), unitName("{x}"), unitName("1/s")]).toEqual([
    "bytes_per_second",
    "seconds",
    "",
    "",
    "per_second",
  ]);
});

test("an attribute becomes a label that Prometheus accepts", () => {
  expect(["http.route", "1st", "_private", "__meta", "größe", "a-b/c"].map(labelName)).toEqual([
    "http_route",
    "key_1st",
    "key_private",
    "__meta",
    "gr__e",
    "a_b_c",
  ]);
});

test("a bound is written as Go writes it, without exponent", () => {
  expect([0.005, 1, 2.5, 1e21, 1.5e-7, -2e-7, 1.2345e22, Infinity, -Infinity].map(boundText)).toEqual([
    "0.005",
    "1",
    "2.5",
    "1000000000000000000000",
    "0.00000015",
    "-0.0000002",
    "12345000000000000000000",
    "+Inf",
    "-Inf",
  ]);
});
