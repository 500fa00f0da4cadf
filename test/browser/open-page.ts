import type { Browser, Page } from "playwright-core";

export interface OpenedPage {
  readonly page: Page;
  /** What the browser complained about so far: errors of scripts, of the console and of requests. */
  readonly complaints: readonly string[];
}

/** Opens an address in a tab of its own and listens for complaints from the first byte on. */
export async function openPage(browser: Browser, url: string): Promise<OpenedPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("requestfailed", (request) =>
    complaints.push(`request: ${request.url()} ${request.failure()?.errorText}`),
  );
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // A browser asks for it by itself; none of our pages names one.
    if (message.location().url.endsWith("/favicon.ico")) return;
    complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  await page.goto(url);
  return { page, complaints };
}
