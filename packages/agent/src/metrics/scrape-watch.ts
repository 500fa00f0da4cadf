/** Knows whether somebody scrapes, so that the same numbers are not pushed as well and counted twice. */
export interface ScrapeWatch {
  /** Call for each GET of /metrics, with its headers. */
  seen(headers: Readonly<Record<string, string | string[] | undefined>>): void;
  isScraped(): boolean;
}

/** Until the scrapes themselves have shown their interval, one a minute is assumed, Prometheus' default. */
const scrapeIntervalMsAssumed = 60_000;
/** Who comes less often than this does not switch the push off in between. */
const scrapeIntervalMsMax = 600_000;
/** One scrape may fail, and one come late, before the push starts again. */
const intervalCount = 3;

/**
 * A scrape suspends the push for three intervals: of the push, or of the scrapes when those are longer.
 * A person who looks at /metrics is no scraper: that one asks for an exposition format or names its timeout.
 */
export function createScrapeWatch({
  pushIntervalMs,
  nowMs,
}: {
  pushIntervalMs: number;
  nowMs: () => number;
}): ScrapeWatch {
  let lastMs: number | undefined;
  // The longer of the last two: a pair of Prometheus servers with one interval comes by turns after short and long gaps.
  let gapsMs: readonly [number, number] = [scrapeIntervalMsAssumed, scrapeIntervalMsAssumed];
  let untilMs = 0;
  return {
    seen(headers) {
      const { accept } = headers;
      const isScraper =
        headers["x-prometheus-scrape-timeout-seconds"] !== undefined ||
        (typeof accept === "string" && /openmetrics|version=0\.0\.4|prometheus/i.test(accept));
      if (!isScraper) return;
      const now = nowMs();
      if (lastMs !== undefined)
        gapsMs = [gapsMs[1], Math.min(Math.max(0, now - lastMs), scrapeIntervalMsMax)];
      lastMs = now;
      untilMs = now + intervalCount * Math.max(pushIntervalMs, ...gapsMs);
    },
    isScraped: () => nowMs() < untilMs,
  };
}
