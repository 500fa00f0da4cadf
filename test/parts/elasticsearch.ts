import { chown, copyFile, link, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort, openTempDir, startProcess, type StartedProcess } from "../support/index.ts";
import { jdkHome, partDir, partPath } from "./present.ts";

export type SearchPart = "elasticsearch" | "elasticsearch8" | "opensearch";

export interface SearchServerSettings {
  readonly part: SearchPart;
  /** More of its settings, as in its YAML file: `{ "thread_pool.write.queue_size": "1" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface SearchServer extends AsyncDisposable {
  /** The same over its whole life, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  log(): string;
  /** Ends it and keeps its data; safe to call when it is not running. */
  stop(): Promise<void>;
  /** Starts it again after `stop`, with its data. */
  start(): Promise<void>;
}

/** Who owns nothing; Elasticsearch and OpenSearch refuse to run as root. */
const nobody = { uid: 65_534, gid: 65_534 };
const user = process.getuid?.() === 0 ? nobody : undefined;

/** 20 s on two idle cores, minutes where other suites have them. */
const startDeadlineMs = 480_000;

/** A life of minutes: the second compiler and a concurrent collector cost more than they give. */
const javaOptions = "-Xms1g -Xmx1g -XX:-AlwaysPreTouch -XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC";

/**
 * Starts Elasticsearch or OpenSearch as a cluster of one on a free loopback port, without security; resolves when all its data is there.
 * These are cut-down builds: no ILM or ISM, no ingest pipelines, no data stream API, few field types.
 */
export async function startSearchServer({
  part,
  settings = {},
}: SearchServerSettings): Promise<SearchServer> {
  const folder = await openTempDir(part);
  const ports = { http: await freePort(), transport: await freePort() };
  const url = `http://127.0.0.1:${ports.http}`;
  const home = join(folder.path, "home");
  if (user !== undefined) await chown(folder.path, user.uid, user.gid);
  await copyHome(partDir(part), home);
  for (const name of ["data", "tmp"]) await makeFolder(join(folder.path, name));
  const own = {
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "http.port": String(ports.http),
    "transport.port": String(ports.transport),
    "path.data": join(folder.path, "data"),
    // The machine's disk may be nearly full, which is none of the tests' business.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    ...(part === "opensearch" ? {} : { "xpack.security.enabled": "false" }),
    ...settings,
  };
  const prefix = part === "opensearch" ? "OPENSEARCH" : "ES";
  let running: StartedProcess | undefined;
  const start = async (): Promise<void> => {
    running = await startProcess({
      name: part,
      command: join(home, partPath(part).slice(partDir(part).length)),
      args: Object.entries(own).map(([name, value]) => `-E${name}=${value}`),
      cwd: home,
      user,
      env: {
        JAVA_HOME: undefined,
        [`${prefix}_JAVA_HOME`]: jdkHome(),
        [`${prefix}_JAVA_OPTS`]: javaOptions,
        [`${prefix}_TMPDIR`]: join(folder.path, "tmp"),
      },
      ready: { url: `${url}/_cluster/health?wait_for_status=yellow&timeout=1s` },
      deadlineMs: startDeadlineMs,
    });
  };
  const stop = async (): Promise<void> => void (await running?.stop({ graceMs: 30_000 }));
  try {
    await start();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return {
    url,
    get pid() {
      return running!.pid;
    },
    log: () => running?.stdout() ?? "",
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop();
      await folder.remove();
    },
  };
}

/** They write beside their own files, which may lie where nobody but their owner can look: links to them in folders of our own. */
async function copyHome(from: string, to: string): Promise<void> {
  await makeFolder(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await copyHome(source, target);
      continue;
    }
    // What lies in config is written to; and the cache may lie on another disk.
    const isOwn = from.endsWith("config") || !(await isLinked(source, target));
    if (!isOwn) continue;
    await copyFile(source, target);
    if (user !== undefined) await chown(target, user.uid, user.gid);
  }
}

async function isLinked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EXDEV" || code === "EPERM") return false;
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}
