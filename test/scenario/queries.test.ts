import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { until } from "../support/index.ts";
import { startCollector, type StartedCollector } from "./quartet.ts";

/** More than a minute of work, unless somebody ends it. */
const heavy = "sum_over_time(sum_over_time(sum_over_time(vector(1)[1d:1s])[1d:1s])[1d:1s])";

const ask = (collector: StartedCollector, query: string, signal?: AbortSignal) =>
  fetch(
    `${collector.apiUrl}/api/v1/query?query=${encodeURIComponent(query)}`,
    signal === undefined ? {} : { signal },
  );

async function metric(collector: StartedCollector, name: string): Promise<number> {
  const exposition = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(exposition)?.[1]);
}

/** Nice values of the process's threads that are not 0. */
const niceValues = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8").split(") ").at(-1)!)
    .map((stat) => Number(stat.split(" ")[16]))
    .filter((nice) => nice !== 0);

test("a query does not wait for a heavy one, which ends when its client leaves", async () => {
  await using collector = await startCollector();
  const leaving = new AbortController();
  let early: unknown;
  const long = ask(collector, heavy, leaving.signal)
    .then(async (response) => (early = [response.status, await response.text()]))
    .catch(() => undefined);
  await until(async () => (await metric(collector, "quartet_query_threads")) === 1, {
    deadlineMs: 30_000,
    what: "a thread for the heavy query",
  });
  for (let count = 0; count < 5; count += 1) expect((await ask(collector, "vector(1)")).status).toBe(200);
  expect(early).toBeUndefined();
  expect(await metric(collector, "quartet_query_threads")).toBe(2);
  // Receipt and rules go first where there are too few processors.
  if (process.platform === "linux") {
    // The one with the heavy query may still be starting.
    await until(() => niceValues(collector.pid).length === 2, {
      deadlineMs: 30_000,
      what: "two nice threads",
    });
    expect(niceValues(collector.pid)).toEqual([10, 10]);
  }
  leaving.abort();
  await long;
  // More than there are threads for on any machine.
  const again = new AbortController();
  const many = Array.from({ length: 5 }, () => ask(collector, heavy, again.signal));
  await until(async () => (await metric(collector, "quartet_query_waiting")) >= 1, {
    deadlineMs: 30_000,
    what: "a query that waits",
  });
  again.abort();
  await Promise.allSettled(many);
  expect((await ask(collector, "vector(3)")).status).toBe(200);
  expect(await metric(collector, "quartet_query_thread_failures_total")).toBe(0);
});
