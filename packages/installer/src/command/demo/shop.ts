import { existsSync } from "node:fs";
import { join } from "node:path";
import { InstallerError } from "../../output/index.ts";
import { startDemoProcess, takePort, type DemoProcess } from "./processes.ts";

/** The shop's services with their addresses. */
export interface Shop {
  readonly gatewayUrl: string;
  /** Where each agent serves /metrics, by service. */
  readonly adminUrls: Readonly<Record<string, string>>;
  /** Switches the bank behind payments off or on. */
  setBankDown(isBankDown: boolean): void;
  /** Throws when a service has died, with its last words. */
  check(): void;
  stop(): Promise<void>;
}

interface ShopSettings {
  readonly otlpUrl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Called once, with the Unix time in ms of payments' first failed response. */
  readonly onFirstFailure: (atMs: number) => void;
}

/** Where the services' files are: in a checkout among the examples, in the published package beside the built files. */
export function shopFolder(): string {
  const here = import.meta.dirname;
  const candidates = [
    join(here, "..", "..", "..", "..", "..", "examples", "shop"),
    join(here, "..", "..", "shop"),
  ];
  const found = candidates.find((folder) => existsSync(join(folder, "gateway.js")));
  if (found === undefined)
    throw new InstallerError(
      "QUARTET_NOT_READY",
      `the demo's services are missing; looked in ${candidates.join(" and ")}`,
    );
  return found;
}

/** Starts payments, checkout and gateway, each a process of its own that knows nothing of Quartet but `--import`. */
export async function startShop(settings: ShopSettings): Promise<Shop> {
  const cwd = shopFolder();
  const ports = { gateway: await takePort(0), checkout: await takePort(0), payments: await takePort(0) };
  const adminUrls: Record<string, string> = {};
  const services: DemoProcess[] = [];
  let hasFailed = false;

  const startService = async (
    name: keyof typeof ports,
    env: Record<string, string>,
  ): Promise<DemoProcess> => {
    const adminPort = await takePort(0);
    adminUrls[name] = `http://127.0.0.1:${adminPort}`;
    const service = startDemoProcess({
      name,
      cwd,
      args: ["--import", "@quartet/agent/register", `${name}.js`],
      env: {
        ...settings.env,
        OTEL_SERVICE_NAME: name,
        OTEL_EXPORTER_OTLP_ENDPOINT: settings.otlpUrl,
        OTEL_EXPORTER_PROMETHEUS_PORT: String(adminPort),
        PORT: String(ports[name]),
        ...env,
      },
      onLine(line) {
        if (hasFailed || name !== "payments" || !line.includes("charge failed")) return;
        hasFailed = true;
        settings.onFirstFailure((JSON.parse(line) as { time: number }).time);
      },
    });
    services.push(service);
    return service;
  };
  const check = () => {
    for (const service of services) {
      if (!service.isRunning())
        throw new InstallerError(
          "QUARTET_NOT_READY",
          `the service ${service.name} died:\n${service.lastWords()}`,
        );
    }
  };
  const stop = async () => {
    await Promise.all(services.map((service) => service.stop()));
  };

  const payments = await startService("payments", {});
  await startService("checkout", { PAYMENTS_URL: `http://127.0.0.1:${ports.payments}` });
  await startService("gateway", { CHECKOUT_URL: `http://127.0.0.1:${ports.checkout}` });
  try {
    for (const port of Object.values(ports))
      await answers(`http://127.0.0.1:${port}/`, settings.signal, check);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    gatewayUrl: `http://127.0.0.1:${ports.gateway}`,
    adminUrls,
    setBankDown: (isBankDown) => payments.send({ isBankDown }),
    check,
    stop,
  };
}

const startTimeoutMs = 30_000;

/** Resolves once anything answers at the address, be it 404. */
export async function answers(url: string, signal: AbortSignal, check: () => void): Promise<void> {
  const deadlineMs = Date.now() + startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    check();
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
      await response.arrayBuffer();
      if (response.status !== 503) return;
    } catch (cause) {
      if (Date.now() > deadlineMs)
        throw new InstallerError(
          "QUARTET_NOT_READY",
          `${url} did not answer within ${startTimeoutMs / 1_000} s`,
          { cause },
        );
    }
    if (Date.now() > deadlineMs)
      throw new InstallerError(
        "QUARTET_NOT_READY",
        `${url} was not ready within ${startTimeoutMs / 1_000} s`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
