import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInbox, type Inbox } from "../../packages/installer/src/command/inbox/server.ts";
import { describeWithParts, launchBrowser } from "../parts/index.ts";
import { openPage } from "./open-page.ts";

const traceId = "ab".repeat(16);

function payload(name: string, summary: string): string {
  return JSON.stringify({
    version: "4",
    receiver: "webhook",
    alerts: [
      {
        status: "firing",
        labels: { alertname: name, service_name: "payments" },
        annotations: { summary },
        startsAt: "2026-11-21T10:00:00Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "javascript:alert(1)",
        fingerprint: "00000000000000aa",
        quartet: { value: 0.12, traces: [{ traceId, url: `http://127.0.0.1:4004/traces/${traceId}` }] },
      },
    ],
  });
}

describeWithParts("The inbox's page in a browser", ["chromium"], () => {
  let browser: Browser;
  let inbox: Inbox;
  beforeAll(async () => {
    browser = await launchBrowser();
    inbox = await startInbox({
      host: "127.0.0.1",
      port: 0,
      nowMs: () => Date.now(),
      onAlert: () => undefined,
    });
  });
  afterAll(async () => {
    await browser?.close();
    await inbox?.stop();
  });
  const post = (body: string) =>
    fetch(inbox.url, { method: "POST", headers: { "content-type": "application/json" }, body });

  test("shows an alert that is posted after it was opened, without a reload, and as text alone", async () => {
    const { page, complaints } = await openPage(browser, inbox.url);
    await page.getByText("No alert has arrived yet").waitFor();
    await page.getByRole("status").getByText("live").waitFor();
    await page.evaluate("globalThis.isSamePage = true");
    await post(payload("ServiceFailing", "payments fails <b>12%</b> of its requests"));
    const card = page.getByRole("article");
    await card.getByText("ServiceFailing").waitFor();
    expect(await card.innerText()).toMatch(/firing/i);
    expect(await card.innerText()).toContain("payments fails <b>12%</b> of its requests");
    expect(await card.innerText()).toContain("service_name=payments");
    expect(await card.innerText()).toContain("0.12");
    expect(await card.getByRole("link", { name: traceId }).getAttribute("href")).toBe(
      `http://127.0.0.1:4004/traces/${traceId}`,
    );
    // A webhook's sender must not be able to run a script in the reader's browser.
    expect(await page.getByText("javascript:alert(1)").getAttribute("href")).toBeNull();
    await post(payload("AnotherOne", "and another"));
    await page.getByText("2 received").waitFor();
    expect(await page.getByRole("article").first().innerText()).toContain("AnotherOne");
    expect(await page.evaluate("globalThis.isSamePage")).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("says so when the inbox has gone, and is live again when it is back", async () => {
    const own = await startInbox({
      host: "127.0.0.1",
      port: 0,
      nowMs: () => Date.now(),
      onAlert: () => undefined,
    });
    const { page } = await openPage(browser, own.url);
    const state = page.getByRole("status");
    await state.getByText("live").waitFor();
    await own.stop();
    await state.getByText("the inbox does not answer").waitFor();
    const back = await startInbox({
      host: "127.0.0.1",
      port: own.port,
      nowMs: () => Date.now(),
      onAlert: () => undefined,
    });
    await state.getByText("live").waitFor();
    await page.close();
    await back.stop();
  });
});
