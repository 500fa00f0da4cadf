import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InstallerError } from "../../output/index.ts";
import { answers, shopFolder } from "./shop.ts";
import { startDemoProcess, takePort, type DemoProcess } from "./processes.ts";

const restartsMax = 10;

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

/** Writes a configuration into the data directory and runs `quartet collector` on it. */
export async function startSupervisedCollector(settings: CollectorSettings): Promise<SupervisedCollector> {
  const { dataDir, env } = settings;
  const otlpPorts = [await takePort(4317), await takePort(4318)];
  const apiPort = await takePort(4004);
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const configFile = join(dataDir, "demo.yaml");
  const config = {
    receive: { otlp: { listen: otlpPorts.map((port) => `127.0.0.1:${port}`) } },
    rules: { files: [join(shopFolder(), "rules.yaml")], evaluation_interval: "1s" },
    notify: { webhook: settings.webhookUrl },
    api: { listen: `127.0.0.1:${apiPort}`, external_url: apiUrl },
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
  return { otlpUrl: `http://127.0.0.1:${otlpPorts[1]}`, apiUrl, otlpPorts, pid: () => current.pid, stop };
}

/** The quartet command itself, as sources or as built files. */
function mainFile(): string {
  const here = fileURLToPath(import.meta.url);
  return join(here, "..", "..", "..", here.endsWith(".ts") ? "main.ts" : "main.js");
}
