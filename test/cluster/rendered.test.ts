import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { writeFile } from "node:fs/promises";
import { listImages } from "../../packages/installer/src/manifest/index.ts";
import { describeWithParts, partPath, promtool } from "../parts/index.ts";
import { openTempDir, startProcess, until, type TempDir } from "../support/index.ts";
import { startElasticsearchDouble } from "./elasticsearch-double.ts";
import { manifestObjects, openLocalPod, type LocalPod } from "./pod-files.ts";

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
  return openLocalPod({ objects: manifestObjects(), component, dir, upstreams });
}

/** Waits until the manifest's own probes are satisfied, as a kubelet does. */
async function becomesReady(pod: LocalPod): Promise<void> {
  await until(async () => (await pod.failedProbes()).length === 0, {
    deadlineMs: 60_000,
    what: "the probes to pass",
  });
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
      await becomesReady(pod);
      expect(await pod.closedServicePorts()).toEqual([]);
      const url = `http://127.0.0.1:${pod.ports.get(9090)}`;
      const targets = await until(() => upTargets(url, ["quartet-collector", "shop-1"]), {
        deadlineMs: 60_000,
        what: "the targets to be scraped",
        intervalMs: 250,
      });
      expect(
        targets.map(({ labels, scrapeUrl }) => [labels["pod"] ?? labels["job"], scrapeUrl]).sort(),
      ).toEqual([
        ["default-port", "http://127.0.0.1:9464/metrics"],
        ["prometheus", `${url}/metrics`],
        ["quartet-collector", `http://127.0.0.1:${port}/metrics`],
        ["shop-1", `http://127.0.0.1:${port}/stats`],
        ["six", "https://[fd00::7]:80/metrics"],
        ["six-default", "http://[fd00::7]:9464/metrics"],
      ]);
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
    // A port of its own that no other process on this machine should meet.
    const config = pod.fileOf("/etc/jaeger/config.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace("127.0.0.1:16685", "127.0.0.1:0"));
    await using jaeger = await startProcess({
      command: partPath("jaeger"),
      args: pod.args,
      deadlineMs: 60_000,
    });
    await becomesReady(pod);
    expect(await pod.closedServicePorts()).toEqual([]);
    await sendTrace(`http://127.0.0.1:${pod.ports.get(4318)}`);
    await until(() => [...elasticsearch.indices].some((index) => index.startsWith("quartet-jaeger-span-")), {
      deadlineMs: 30_000,
      what: "the span's index",
    });
    const scraped = await fetch(`http://127.0.0.1:${pod.ports.get(8888)}/metrics`);
    expect(await scraped.text()).toContain("otelcol_");

    const users = new Set(elasticsearch.seen.map(({ user, password }) => `${user}:${password}`));
    expect([...users]).toEqual([`quartet-jaeger:${"00".repeat(32)}`]);
    const role = elasticsearchRole("quartet-jaeger");
    const patterns = role.indices.flatMap(({ names }) => names).map((name) => name.replace("*", ""));
    for (const index of elasticsearch.indices) {
      expect([index, patterns.some((prefix) => index.startsWith(prefix))]).toEqual([index, true]);
    }
    const asked = elasticsearch.seen
      .map(({ path }) => path)
      .filter((path) => path !== "/" && !path.endsWith("/_bulk"));
    for (const path of asked) expect(path).toMatch(/^\/_(index_template|template)\/quartet-jaeger-[a-z]+$/);
    expect(role.cluster).toEqual(["monitor", "manage_index_templates"]);
    expect(jaeger.exit()).toBeUndefined();
  });
});

function elasticsearchRole(name: string): {
  readonly cluster: readonly string[];
  readonly indices: readonly { readonly names: readonly string[] }[];
} {
  const secret = manifestObjects().find(
    ({ kind, metadata }) => kind === "Secret" && metadata.name === "quartet-elasticsearch",
  );
  if (secret?.kind !== "Secret") throw new Error("no Secret");
  const roles = parse(Buffer.from(secret.data["roles.yml"] ?? "", "base64").toString("utf8")) as Record<
    string,
    never
  >;
  return roles[name]!;
}

/** The test binary of Prometheus has no discovery but files and lists: the labels that discovery would give come as a list. */
async function replaceDiscovery(
  file: string,
  pods: readonly Readonly<Record<string, string>>[],
): Promise<void> {
  const config = parse(await readFile(file, "utf8")) as {
    global: Record<string, string>;
    scrape_configs: { job_name: string; kubernetes_sd_configs?: unknown; static_configs?: unknown }[];
  };
  config.global["scrape_interval"] = "500ms";
  config.global["scrape_timeout"] = "500ms";
  const job = config.scrape_configs.find(({ job_name }) => job_name === "pods");
  expect(job?.kubernetes_sd_configs).toEqual([{ role: "pod" }]);
  delete job?.kubernetes_sd_configs;
  job!.static_configs = pods.map((labels) => ({ targets: ["to-be-relabelled:1"], labels }));
  await writeFile(file, stringify(config));
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

async function sendTrace(otlpUrl: string): Promise<void> {
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
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(response.status).toBe(200);
}
