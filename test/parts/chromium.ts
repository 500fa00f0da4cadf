import { chromium, type Browser } from "playwright-core";
import { partPath } from "./present.ts";

/** Starts the machine's Chromium without a window; whoever starts it closes it. It speaks to nobody by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: partPath("chromium"),
    headless: true,
    // Containers and root have no user namespace for the sandbox; only our own pages are opened.
    chromiumSandbox: false,
    timeout: 60_000,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
