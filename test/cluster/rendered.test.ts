import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConfig } from "../../packages/collector/src/config/index.ts";
import { engineFlags } from "../../packages/installer/bin/launch.js";
import { isWorkload, listImages } from "../../packages/installer/src/manifest/index.ts";
import { describeWithParts, partPath, promtool } from "../parts/index.ts";
import { openTempDir, startProcess, until, type StartedProcess, type TempDir } from "../support/index.ts";
import { startElasticsearchDouble } from "./elasticsearch-double.ts";
import { queryVector } from "../scenario/quartet.ts";
import { manifestObjects, openLocalPod, type LocalPod } from "./pod-files.ts";

const objects = manifestObjects({ webhook: "http://127.0.0.1:9/hook" });
let folder: TempDir;
let podCount = 0;
beforeAll(async () => {
  folder = await openTempDir("rendered");
});
afterAll(async () => {
  await folder.remove();
});

function openPod(component: string, upstreams: Readonly<Record<string, string>> = {}): Promise<LocalPod> {
  podCount += 1;
  const dir = join(folder.path, String(podCount));
  return openLocalPod({ objects, component, dir, upstreams });
}

/** A value of a rendered Secret, as text. */
function secretValue(name: string, key: string): string {
  const secret = objects.find(({ kind, metadata }) => kind === "Secret" && metadata.name === name);
  if (secret?.kind !== "Secret") throw new Error(`there is no Secret ${name}`);
  return Buffer.from(secret.data[key] ?? "", "base64").toString("utf8");
}

/** Waits until the manifest's own probes are satisfied, as a kubelet does. A program that ends says its last words. */
async function becomesReady(pod: LocalPod, program: StartedProcess): Promise<void> {
  const end = new AbortController();
  void program.exited.then(({ code }) => end.abort(new Error(`it ended with ${code}\n${program.stderr()}`)));
  const what = "the probes to pass";
  await until(
    async () => {
      expect(await pod.failedProbes()).toEqual([]);
      return true;
    },
    { deadlineMs: 60_000, what, signal: end.signal },
  );
}

describe("the lock file of images", () => {
  test.each([
    ["prometheus", "prometheus", /github\.com\/prometheus\/prometheus v0\.(\d+?)(\d\d)\.(\d+)\b/],
    ["jaeger", "jaeger", /github\.com\/jaegertracing\/jaeger v1\.(\d+)\.(\d+)\b/],
  ])("names the version of %s that the suites start", (component, part, pattern) => {
    const goMod = readFileSync(join(import.meta.dirname, "..", "parts", part, "go.mod"), "utf8");
    const [, first = "", second = "", third = ""] = pattern.exec(goMod) ?? [];
    // Modules count on under v0 and v1: Prometheus 3.14.0 is v0.314.0, and Jaeger 2.13.0 came out with v1.76.0.
    const expected =
      component === "prometheus"
        ? `v${first}.${Number(second)}.${third}`
        : `2.${Number(first) - 63}.${second}`;
    const images = listImages({ version: "0", registry: undefined, collectorImage: undefined });
    expect(images.find((image) => image.component === component)?.tag).toBe(expected);
  });
});

describe("the collector's Dockerfile", () => {
  const dockerfile = readFileSync(
    join(import.meta.dirname, "..", "..", "packages", "collector", "Dockerfile"),
    "utf8",
  );

  test("has the user and the ports of the manifests", () => {
    const set = objects.filter(isWorkload).find(({ metadata }) => metadata.name === "quartet-collector");
    const { securityContext, containers } = set!.spec.template.spec;
    const { runAsUser, runAsGroup } = securityContext;
    expect(dockerfile).toContain(`\nUSER ${runAsUser}:${runAsGroup}\n`);
    const served = containers.flatMap(({ ports }) => ports.map(({ containerPort }) => containerPort));
    expect(dockerfile).toContain(`\nEXPOSE ${served.join(" ")}\n`);
  });

  test("starts what the collector's package publishes", () => {
    const packageFile = join(import.meta.dirname, "..", "..", "packages", "collector", "package.json");
    const { exports } = JSON.parse(readFileSync(packageFile, "utf8")) as {
      readonly exports: { readonly ".": { readonly default: string } };
    };
    const main = exports["."].default.replace("./", "node_modules/@quartet/collector/");
    expect(dockerfile).toContain(`ENTRYPOINT ["node", "/opt/quartet/${main}"]`);
  });

  test("tells the engine what the launcher tells it", () => {
    expect(dockerfile).toContain(` NODE_OPTIONS="${engineFlags.join(" ")}"\n`);
  });
});

describeWithParts("The rendered Prometheus", ["prometheus", "promtool"], () => {
  test("configuration and both rule files please promtool", async () => {
    const prometheus = await openPod("prometheus");
    const collector = await openPod("collector");
    const checked = [
      await promtool(["check", "config", prometheus.fileOf("/etc/prometheus/prometheus.yml")]),
      await promtool(["check", "rules", collector.fileOf("/etc/quartet-rules/example.yaml")]),
    ];
    for (const { code, stdout, stderr } of checked) expect([code, stdout + stderr]).toEqual([0, stdout]);
  });

  test("starts with its arguments, passes its probes and scrapes what pods ask for", async () => {
    const authorizations: (string | undefined)[] = [];
    const target = createServer((request, response) => {
      authorizations.push(request.headers.authorization);
      // The service behind /stats says no type, as many do; Prometheus 3 refuses that unless the job names a fallback.
      if (request.url === "/metrics") response.setHeader("content-type", "text/plain; version=0.0.4");
      response.end("# TYPE up_and_running gauge\nup_and_running 1\n");
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    const { port } = target.address() as AddressInfo;
    try {
      const pod = await openPod("prometheus", { "quartet-collector.quartet.svc:4004": `127.0.0.1:${port}` });
      await replaceDiscovery(pod.fileOf("/etc/prometheus/prometheus.yml"), [
        podLabels({ name: "shop-1", annotations: { scrape: "true", port: String(port), path: "/stats" } }),
        podLabels({ name: "default-port", annotations: { scrape: "true" } }),
        podLabels({
          name: "six",
          ip: "fd00::7",
          annotations: { scrape: "true", port: "80", scheme: "https" },
        }),
        podLabels({ name: "six-default", ip: "fd00::7", annotations: { scrape: "true" } }),
        podLabels({ name: "ended", phase: "Succeeded", annotations: { scrape: "true" } }),
        podLabels({ name: "silent", annotations: {} }),
      ]);
      await using prometheus = await startProcess({ command: partPath("prometheus"), args: pod.args });
      await becomesReady(pod, prometheus);
      expect(await pod.closedServicePorts()).toEqual([]);
      const url = `http://127.0.0.1:${pod.ports.get(9090)}`;
      const targets = await until(() => upTargets(url, ["quartet-collector", "shop-1"]), {
        deadlineMs: 60_000,
        what: "the targets to be scraped",
        intervalMs: 250,
      });
      expect(
        Object.fromEntries(
          targets.map(({ labels, scrapeUrl }) => [labels["pod"] ?? labels["job"], scrapeUrl] as const),
        ),
      ).toEqual({
        "default-port": "http://127.0.0.1:9464/metrics",
        prometheus: `${url}/metrics`,
        "quartet-collector": `http://127.0.0.1:${port}/metrics`,
        "shop-1": `http://127.0.0.1:${port}/stats`,
        six: "https://[fd00::7]:80/metrics",
        "six-default": "http://[fd00::7]:9464/metrics",
      });
      const shop = targets.find(({ labels }) => labels["pod"] === "shop-1");
      expect(shop?.labels).toMatchObject({
        namespace: "shop",
        pod: "shop-1",
        node: "node-0",
        app: "shop",
        job: "pods",
      });
      expect(authorizations).toContain(`Bearer ${"00".repeat(32)}`);
      expect(prometheus.exit()).toBeUndefined();
    } finally {
      target.closeAllConnections();
      target.close();
    }
  });
});

describeWithParts("The rendered Jaeger", ["jaeger"], () => {
  test("starts with its arguments, passes its probes, and writes to Elasticsearch what its role allows", async () => {
    await using elasticsearch = await startElasticsearchDouble("9.2.4");
    const pod = await openPod("jaeger", { "quartet-elasticsearch.quartet.svc:9200": elasticsearch.address });
    await keepGrpcApart(pod);
    await using jaeger = await startProcess({
      command: partPath("jaeger"),
      args: pod.args,
      deadlineMs: 60_000,
    });
    await becomesReady(pod, jaeger);
    expect(await pod.closedServicePorts()).toEqual([]);
    expect(await sendTrace(`http://127.0.0.1:${pod.ports.get(4318)}`)).toBe(200);
    await until(() => [...elasticsearch.indices].some((index) => index.startsWith("quartet-jaeger-span-")), {
      deadlineMs: 30_000,
      what: "the span's index",
    });
    const scraped = await fetch(`http://127.0.0.1:${pod.ports.get(8888)}/metrics`);
    expect(await scraped.text()).toContain("otelcol_");

    const users = new Set(elasticsearch.seen.map(({ user, password }) => `${user}:${password}`));
    expect([...users]).toEqual([`quartet-jaeger:${"00".repeat(32)}`]);
    const role =
      /^quartet-jaeger:\n((?: .*\n)+)/m.exec(secretValue("quartet-elasticsearch", "roles.yml"))?.[1] ?? "";
    const patterns = [...role.matchAll(/- (quartet-\S+)\*$/gm)].map((match) => match[1] ?? "");
    for (const index of elasticsearch.indices) {
      expect([index, patterns.some((prefix) => index.startsWith(prefix))]).toEqual([index, true]);
    }
    const asked = elasticsearch.seen
      .map(({ path }) => path)
      .filter((path) => path !== "/" && !path.endsWith("/_bulk"));
    for (const path of asked) expect(path).toMatch(/^\/_(index_template|template)\/quartet-jaeger-[a-z]+$/);
    expect(role).toMatch(/cluster:\n +- monitor\n +- manage_index_templates\n/);
    expect(jaeger.exit()).toBeUndefined();
  });
});

describeWithParts("The rendered collector", ["jaeger", "prometheus"], () => {
  test("has a configuration that it takes as it is, listening beyond loopback", () => {
    const config = objects.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "quartet-collector",
    );
    const text = config?.kind === "ConfigMap" ? (config.data["collector.yaml"] ?? "") : "";
    const env = { QUARTET_WEBHOOK: secretValue("quartet-collector", "webhook") };
    expect(parseConfig(text, { file: "collector.yaml", env })).toMatchObject({
      receive: { otlp: { listen: ["0.0.0.0:4317", "0.0.0.0:4318"] } },
      api: { listen: "0.0.0.0:4004" },
      notify: { webhook: "http://127.0.0.1:9/hook" },
    });
  });

  test("takes spans from who has the agents' Secret, and brings them to Jaeger and their series to Prometheus", async () => {
    await using elasticsearch = await startElasticsearchDouble("9.2.4");
    const jaeger = await openPod("jaeger", {
      "quartet-elasticsearch.quartet.svc:9200": elasticsearch.address,
    });
    await keepGrpcApart(jaeger);
    await using tracer = await startProcess({ command: partPath("jaeger"), args: jaeger.args });
    const prometheus = await openPod("prometheus");
    await replaceDiscovery(prometheus.fileOf("/etc/prometheus/prometheus.yml"), []);
    await using database = await startProcess({ command: partPath("prometheus"), args: prometheus.args });
    const prometheusAddress = `127.0.0.1:${prometheus.ports.get(9090)}`;
    const pod = await openPod("collector", {
      "quartet-jaeger.quartet.svc:4318": `127.0.0.1:${jaeger.ports.get(4318)}`,
      "quartet-prometheus.quartet.svc:9090": prometheusAddress,
    });
    const main = join(import.meta.dirname, "..", "..", "packages", "collector", "src", "main.ts");
    await using collector = await startProcess({
      name: "collector",
      command: process.execPath,
      args: ["--conditions=quartet-source", main, ...pod.args],
      env: pod.env,
    });
    await becomesReady(pod, collector);
    await becomesReady(jaeger, tracer);
    await becomesReady(prometheus, database);
    expect(await pod.closedServicePorts()).toEqual([]);

    const otlpUrl = `http://127.0.0.1:${pod.ports.get(4318)}`;
    expect(await sendTrace(otlpUrl)).toBe(401);
    const [header = "", value = ""] = secretValue("quartet-agent", "OTEL_EXPORTER_OTLP_HEADERS").split("=");
    expect(await sendTrace(otlpUrl, { [header]: decodeURIComponent(value) })).toBe(200);
    await until(() => [...elasticsearch.indices].some((index) => index.startsWith("quartet-jaeger-span-")), {
      deadlineMs: 30_000,
      what: "the span to reach Elasticsearch through collector and Jaeger",
    });
    const series = 'traces_span_metrics_calls_total{service_name="shop",span_name="GET /"}';
    await until(async () => (await queryVector(`http://${prometheusAddress}`, series)).length === 1, {
      deadlineMs: 30_000,
      what: "the span's series to reach Prometheus",
    });

    const apiUrl = `http://127.0.0.1:${pod.ports.get(4004)}`;
    const authorization = `Bearer ${secretValue("quartet-prometheus", "token")}`;
    expect((await fetch(`${apiUrl}/metrics`)).status).toBe(401);
    expect((await fetch(`${apiUrl}/metrics`, { headers: { authorization } })).status).toBe(200);
    const rules = await fetch(`${apiUrl}/api/v1/rules`, { headers: { authorization } });
    expect(await rules.text()).toContain("ServiceFailing");
    expect((await collector.stop()).code).toBe(0);
  });
});

/** Jaeger's gRPC query port is the same in every pod, where it meets nobody. */
async function keepGrpcApart(pod: LocalPod): Promise<void> {
  const config = pod.fileOf("/etc/jaeger/config.yaml");
  await writeFile(config, (await readFile(config, "utf8")).replace("127.0.0.1:16685", "127.0.0.1:0"));
}

/**
 * Replaces discovery, which the test binary of Prometheus lacks, by a list of the labels that it would give. JSON is YAML.
 * Everything after it, the relabelling above all, stays as rendered.
 */
async function replaceDiscovery(
  file: string,
  pods: readonly Readonly<Record<string, string>>[],
): Promise<void> {
  const rendered = await readFile(file, "utf8");
  const list = pods.map((labels) => ({ targets: ["to-be-relabelled:1"], labels }));
  const changed = rendered
    .replace("scrape_interval: 15s", "scrape_interval: 500ms")
    .replace(/kubernetes_sd_configs:\n +- role: pod$/m, () => `static_configs: ${JSON.stringify(list)}`);
  expect(changed).not.toContain("kubernetes_sd_configs");
  await writeFile(file, changed);
}

/** The labels that Prometheus' discovery of pods gives. @see Prometheus, "kubernetes_sd_config", role pod */
function podLabels(pod: {
  readonly name: string;
  readonly ip?: string;
  readonly phase?: string;
  readonly annotations: Readonly<Record<string, string>>;
}): Readonly<Record<string, string>> {
  const annotations = Object.entries(pod.annotations).map(([name, value]) => [
    `__meta_kubernetes_pod_annotation_prometheus_io_${name}`,
    value,
  ]);
  return {
    __meta_kubernetes_namespace: "shop",
    __meta_kubernetes_pod_name: pod.name,
    __meta_kubernetes_pod_ip: pod.ip ?? "127.0.0.1",
    __meta_kubernetes_pod_phase: pod.phase ?? "Running",
    __meta_kubernetes_pod_node_name: "node-0",
    __meta_kubernetes_pod_label_app_kubernetes_io_name: "shop",
    ...Object.fromEntries(annotations),
  };
}

interface Target {
  readonly health: string;
  readonly scrapeUrl: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Every active target once those named (by pod or job) are up. */
async function upTargets(url: string, names: readonly string[]): Promise<readonly Target[] | undefined> {
  const response = await fetch(`${url}/api/v1/targets?state=active`);
  const { data } = (await response.json()) as { data: { activeTargets: readonly Target[] } };
  const up = data.activeTargets
    .filter(({ health }) => health === "up")
    .map(({ labels }) => labels["pod"] ?? labels["job"] ?? "");
  return names.every((name) => up.includes(name)) ? data.activeTargets : undefined;
}

async function sendTrace(otlpUrl: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const nowNano = `${Date.now()}000000`;
  const span = {
    traceId: "5b8efff798038103d269b633813fc60c",
    spanId: "eee19b7ec3c1b174",
    name: "GET /",
    kind: 2,
    startTimeUnixNano: nowNano,
    endTimeUnixNano: nowNano,
  };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const response = await fetch(`${otlpUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  await response.arrayBuffer();
  return response.status;
}
