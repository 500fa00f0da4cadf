import { expect, test } from "vitest";
import { createScrapeWatch } from "./scrape-watch.ts";

const scrape = { "x-prometheus-scrape-timeout-seconds": "10" };

function setUp(pushIntervalMs = 1_000) {
  let nowMs = 1_000_000;
  const watch = createScrapeWatch({ pushIntervalMs, nowMs: () => nowMs });
  return { watch, advance: (ms: number) => (nowMs += ms) };
}

test("a scraper names its timeout or an exposition format; a person names neither", () => {
  const check = (headers: Record<string, string>, isScraped: boolean) => {
    const { watch } = setUp();
    watch.seen(headers);
    expect(watch.isScraped()).toBe(isScraped);
  };
  check(scrape, true);
  check({ accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5" }, true);
  check({ accept: "text/plain;version=0.0.4" }, true);
  check({ accept: "*/*" }, false);
  check({ accept: "text/html,application/xhtml+xml" }, false);
  check({}, false);
});

test("one scrape holds for three minutes, as a minute is assumed between two", () => {
  const { watch, advance } = setUp();
  watch.seen(scrape);
  advance(179_999);
  expect(watch.isScraped()).toBe(true);
  advance(1);
  expect(watch.isScraped()).toBe(false);
});

test("scrapes every 15 s hold for 45 s after the last", () => {
  const { watch, advance } = setUp();
  for (let count = 0; count < 4; count += 1) {
    watch.seen(scrape);
    advance(15_000);
  }
  advance(29_999);
  expect(watch.isScraped()).toBe(true);
  advance(1);
  expect(watch.isScraped()).toBe(false);
});

test("a pair of scrapers, one second apart, holds as long as one", () => {
  const { watch, advance } = setUp();
  for (let count = 0; count < 4; count += 1) {
    watch.seen(scrape);
    advance(1_000);
    watch.seen(scrape);
    advance(14_000);
    expect(watch.isScraped()).toBe(true);
  }
});

test("a push interval longer than that of the scrapes counts", () => {
  const { watch, advance } = setUp(60_000);
  for (let count = 0; count < 4; count += 1) {
    watch.seen(scrape);
    advance(1_000);
  }
  advance(178_000);
  expect(watch.isScraped()).toBe(true);
});
