import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InstallerError } from "../../output/index.ts";
import { answers, shopFolder } from "./shop.ts";
import { startDemoProcess, takePort, type DemoProcess } from "./processes.ts";

const restartsMax = 10;
const portAttemptsMax = 5;

/** The demo's collector, a process of its own, started again when something kills it. */
export interface SupervisedCollector {
  readonly otlpUrl: string;
  readonly apiUrl: string;
  readonly otlpPorts: readonly number[];
  pid(): number;
  stop(): Promise<void>;
}

interface CollectorSettings {
  readonly dataDir: string;
  readonly webhookUrl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Called when the collector died and was started again. */
  readonly onRestart: () => void;
}

interface CollectorPorts {
  readonly otlp: readonly [number, number];
  readonly api: number;
}

/** Starts the collector on its documented ports, or on free ones where these are taken. */
export async function startSupervisedCollector(settings: CollectorSettings): Promise<SupervisedCollector> {
  for (let attempt = 1; ; attempt += 1) {
    // Somebody may take a port between our look and the collector's; then any free ones will do.
    const wanted = attempt === 1 ? { otlp: [4317, 4318], api: 4004 } : { otlp: [0, 0], api: 0 };
    const otlp = [await takePort(wanted.otlp[0]!), await takePort(wanted.otlp[1]!)] as const;
    try {
      return await startOnPorts(settings, { otlp, api: await takePort(wanted.api) });
    } catch (error) {
      const wasTaken = error instanceof InstallerError && error.message.includes(" is in use: ");
      if (!wasTaken || attempt >= portAttemptsMax) throw error;
    }
  }
}

/** Writes a configuration into the data directory and runs `quartet collector` on it. */
async function startOnPorts(
  settings: CollectorSettings,
  ports: CollectorPorts,
): Promise<SupervisedCollector> {
  const { dataDir, env } = settings;
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  const configFile = join(dataDir, "demo.yaml");
  const config = {
    receive: { otlp: { listen: ports.otlp.map((port) => `127.0.0.1:${port}`) } },
    rules: { files: [join(shopFolder(), "rules.yaml")], evaluation_interval: "1s" },
    notify: { webhook: settings.webhookUrl },
    api: { listen: `127.0.0.1:${ports.api}`, external_url: apiUrl },
  };
  // JSON is YAML, and it needs no quoting rules.
  writeFileSync(configFile, JSON.stringify(config, undefined, 2));

  let isReady = false;
  let isStopping = false;
  let restarts = 0;
  const start = (): DemoProcess => {
    const collector = startDemoProcess({
      name: "collector",
      cwd: dataDir,
      args: [mainFile(), "collector", "--config", configFile, "--data-dir", dataDir],
      env,
    });
    void collector.exited.then(() => {
      // One that never came up would not come up the next time either.
      if (!isReady || isStopping || restarts >= restartsMax) return;
      restarts += 1;
      current = start();
      settings.onRestart();
    });
    return collector;
  };
  let current = start();
  const check = () => {
    if (restarts > 0 || !current.isRunning())
      throw new InstallerError("QUARTET_NOT_READY", `the collector did not start:\n${current.lastWords()}`);
  };
  const stop = async () => {
    isStopping = true;
    await current.stop();
  };
  try {
    await answers(`${apiUrl}/-/ready`, settings.signal, check);
    isReady = true;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    otlpUrl: `http://127.0.0.1:${ports.otlp[1]}`,
    apiUrl,
    otlpPorts: ports.otlp,
    pid: () => current.pid,
    stop,
  };
}

/** The quartet command itself, as sources or as built files. */
function mainFile(): string {
  const here = fileURLToPath(import.meta.url);
  return join(here, "..", "..", "..", here.endsWith(".ts") ? "main.ts" : "main.js");
}
