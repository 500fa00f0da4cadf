import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithParts, launchBrowser } from "../parts/index.ts";
import { startCollector, type StartedCollector } from "../scenario/quartet.ts";
import { newSpanId, newTraceId, sendSpans } from "../scenario/spans.ts";
import { until } from "../support/index.ts";
import { openPage } from "./open-page.ts";

const rules = `
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: PaymentsFailing
        expr: sum(traces_span_metrics_calls_total{service_name="payments",status_code="STATUS_CODE_ERROR"}) > 0
      - record: shop:calls
        expr: sum(traces_span_metrics_calls_total)
`;
const traceId = newTraceId();

describeWithParts("The collector's pages in a browser", ["chromium"], () => {
  let browser: Browser;
  let collector: StartedCollector;
  beforeAll(async () => {
    browser = await launchBrowser();
    collector = await startCollector({ rules });
  });
  afterAll(async () => {
    await browser?.close();
    await collector?.stop();
  });

  test("the front page shows rules, and an alert as it begins to fire, without a reload", async () => {
    const { page, complaints } = await openPage(browser, `${collector.apiUrl}/`);
    await page.getByText("Nothing is wrong, as far as the rules can tell.").waitFor();
    await page.getByRole("cell", { name: "PaymentsFailing", exact: true }).waitFor();
    await page.getByRole("cell", { name: "shop:calls", exact: true }).waitFor();
    await sendOrder();
    const row = page.locator("#alerts tbody tr, #alerts tr").filter({ hasText: "PaymentsFailing" });
    await row.getByText("firing").waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("a link of the form /graph?g0.expr=… shows the expression and its values", async () => {
    await sendOrder();
    const expression = `sum by (service_name) (traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER"})`;
    await until(async () => (await collector.query(expression)).length === 3, {
      deadlineMs: 30_000,
      what: "three services",
    });
    const { page, complaints } = await openPage(
      browser,
      `${collector.apiUrl}/graph?g0.expr=${encodeURIComponent(expression)}`,
    );
    for (const service of ["gateway", "checkout", "payments"])
      await page.getByText(`{service_name="${service}"}`).waitFor();
    expect(await page.getByLabel("PromQL expression").inputValue()).toBe(expression);
    expect(complaints).toEqual([]);

    await page.getByLabel("PromQL expression").fill("sum(rate(x[5m])");
    await page.getByRole("button", { name: "Run" }).click();
    await page.locator("#result .error").waitFor();
    expect(await page.locator("#result").innerText()).toContain("parse error");
    await page.close();
  });

  test("the page of a trace shows its spans, parents before children, across three services", async () => {
    await sendOrder();
    await until(async () => (await fetch(`${collector.apiUrl}/api/v3/traces/${traceId}`)).status === 200, {
      deadlineMs: 30_000,
      what: "the trace to be served",
    });
    const { page, complaints } = await openPage(browser, `${collector.apiUrl}/traces/${traceId}`);
    await page.getByRole("status").getByText("in 3 services").waitFor();
    const names = await page.locator("#spans tr td:nth-child(2)").allInnerTexts();
    expect(names.slice(0, 3)).toEqual(["POST /buy/:article", "POST /orders", "POST /charges"]);
    expect(await page.locator("#spans tr td:first-child").allInnerTexts()).toEqual(
      expect.arrayContaining(["gateway", "checkout", "payments"]),
    );
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("the page of a trace that is not there says so", async () => {
    const { page } = await openPage(browser, `${collector.apiUrl}/traces/${newTraceId()}`);
    await page.getByRole("status").getByText("holds no span of trace").waitFor();
    await page.close();
  });

  let isSent = false;
  /** One order through three services, payments failing; sent once, whichever test comes first. */
  async function sendOrder(): Promise<void> {
    if (isSent) return;
    const endMs = Date.now();
    const [gateway, checkout] = [newSpanId(), newSpanId()];
    const base = { traceId, kind: "server", endMs } as const;
    const status = await sendSpans(collector.otlpUrl, [
      {
        ...base,
        service: "payments",
        name: "POST /charges",
        parentSpanId: checkout,
        durationMs: 4,
        isFailed: true,
      },
      {
        ...base,
        service: "checkout",
        name: "POST /orders",
        spanId: checkout,
        parentSpanId: gateway,
        durationMs: 8,
      },
      { ...base, service: "gateway", name: "POST /buy/:article", spanId: gateway, durationMs: 12 },
    ]);
    expect(status).toBe(200);
    isSent = true;
  }
});
