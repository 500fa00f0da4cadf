import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort, openTempDir, runProcess } from "../../support/index.ts";
import { startReceiver } from "./receiver.ts";
import { agentFlags, eventually, node, serviceEnv, startService } from "./service.ts";

const lines = (text: string): string[] =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "");

test("a wrong value is said once with its variable, its value and what is used; everything runs", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: "not an address",
    env: {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
      OTEL_LOGS_EXPORTER: "none",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_MAX_QUEUE_SIZE: "many",
      OTEL_TRACES_SAMPLER: "sometimes",
      OTEL_EXPORTER_OTLP_HEADERS: "no-equals-sign-in-this-secret",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      QUARTET_METRICS_PUSH: "perhaps",
    },
  });
  await (await fetch(`${service.url}/echo`)).text();
  await eventually("the span", () => receiver.spans.length === 1);
  const said = lines(service.process.stderr());
  for (const [variable, value] of [
    ["OTEL_BSP_MAX_QUEUE_SIZE", "many"],
    ["OTEL_TRACES_SAMPLER", "sometimes"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["QUARTET_METRICS_PUSH", "perhaps"],
  ]) {
    const about = said.filter((line) => line.includes(`${variable}="${value}"`));
    expect(about).toHaveLength(1);
    expect(about[0]).toMatch(/^quartet-agent: QUARTET_AGENT_CONFIG: .*(is|are) used$/);
  }
  expect(said.filter((line) => line.includes("OTEL_EXPORTER_OTLP_HEADERS"))).toHaveLength(1);
  expect(service.process.stderr()).not.toContain("secret");
});

test("port 9464, or the one asked for, is taken: a free one, and one warning that names it", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: String(receiver.port) },
  });
  await eventually("the warning", () => service.process.stderr().includes("QUARTET_AGENT_PORT"));
  const [warning, ...others] = lines(service.process.stderr());
  expect(others).toEqual([]);
  expect(warning).toContain(`port ${receiver.port} is in use`);
  expect(warning).toContain("OTEL_EXPORTER_PROMETHEUS_PORT");
  const port = Number(/on port (\d+)/.exec(warning!)?.[1]);
  expect(await (await fetch(`http://127.0.0.1:${port}/livez`)).text()).toBe("ok\n");
});

test("/livez, /readyz and what else is asked of the admin port", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const answer = async (path: string, method = "GET") => {
    const response = await fetch(service.adminUrl + path, { method });
    return [response.status, await response.text()];
  };
  expect(await answer("/livez")).toEqual([200, "ok\n"]);
  expect(await answer("/readyz?verbose")).toEqual([200, "ok\n"]);
  expect(await answer("/livez", "HEAD")).toEqual([200, ""]);
  expect((await answer("/metrics", "POST"))[0]).toBe(405);
  expect((await answer("/"))[0]).toBe(404);
});

test("a service that listens nowhere yet is not ready, and ready after QUARTET_READY_AFTER_MS", async () => {
  await using folder = await openTempDir("idle");
  const script = join(folder.path, "idle.mjs");
  writeFileSync(script, "setInterval(() => {}, 1000); console.log('listening 1');\n");
  await using starting = await startService({
    script,
    endpoint: "http://127.0.0.1:9",
    env: { QUARTET_READY_AFTER_MS: "3600000" },
  });
  const response = await eventually("the admin port", () => fetch(`${starting.adminUrl}/readyz`));
  expect([response.status, await response.text()]).toEqual([503, "starting\n"]);
  await using ready = await startService({
    script,
    endpoint: "http://127.0.0.1:9",
    env: { QUARTET_READY_AFTER_MS: "1" },
  });
  await eventually("ready", async () => (await fetch(`${ready.adminUrl}/readyz`)).status === 200);
});

test("inside Kubernetes the admin port answers on all addresses, elsewhere on loopback", async () => {
  await using receiver = await startReceiver();
  await using pod = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
  });
  await using elsewhere = await startService({ script: "plain.mjs", endpoint: receiver.url });
  // Another address of this machine's loopback network: only who listens on all addresses answers there.
  const at = (url: string) => `${url.replace("127.0.0.1", "127.0.0.2")}/livez`;
  expect((await fetch(at(pod.adminUrl))).status).toBe(200);
  await expect(fetch(at(elsewhere.adminUrl))).rejects.toThrow(/fetch failed|aborted/);
});

test("OTEL_SDK_DISABLED=true: no port, no telemetry, no word", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "shop.cjs",
    endpoint: receiver.url,
    env: { OTEL_SDK_DISABLED: "true" },
  });
  await (await fetch(`${service.url}/fails`)).text();
  await expect(fetch(`${service.adminUrl}/livez`)).rejects.toThrow(/fetch failed|aborted/);
  expect(await service.process.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(receiver.requests).toEqual([]);
  expect(service.process.stderr()).toBe("");
});

test("headers, gzip and an endpoint with a path arrive as set", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: `${receiver.url}/under/here/`,
    env: {
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc,x-tenant=blue",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
    },
  });
  await (await fetch(`${service.url}/echo`)).text();
  await eventually("the span", () => receiver.spans.length === 1);
  const traces = receiver.requests.find(({ path }) => path === "/v1/traces");
  expect(traces?.headers).toMatchObject({
    authorization: "Bearer abc",
    "x-tenant": "blue",
    "content-type": "application/x-protobuf",
    "content-encoding": "gzip",
  });
  await eventually("the logs", () => receiver.requests.some(({ path }) => path === "/under/here/v1/logs"));
});

test("without OTEL_SERVICE_NAME the nearest package.json names the service, else its file", async () => {
  await using receiver = await startReceiver();
  await using folder = await openTempDir("names");
  const script = join(folder.path, "orders.mjs");
  writeFileSync(script, "console.log('ran');\n");
  const nameOf = async (variables: Record<string, string | undefined>) => {
    const before = receiver.metrics.length;
    const { code } = await runProcess({
      command: node,
      args: [...agentFlags, script],
      env: await serviceEnv({ endpoint: receiver.url, env: { OTEL_SERVICE_NAME: undefined, ...variables } }),
    });
    expect(code).toBe(0);
    const resource = receiver.metrics[before]?.resource;
    return [resource?.["service.name"], resource?.["service.version"]];
  };
  expect(await nameOf({})).toEqual(["orders", undefined]);
  writeFileSync(
    join(folder.path, "package.json"),
    JSON.stringify({ name: "@shop/orders", version: "1.2.3" }),
  );
  expect(await nameOf({})).toEqual(["@shop/orders", "1.2.3"]);
  expect(
    await nameOf({ OTEL_RESOURCE_ATTRIBUTES: "service.name=named%20here,deployment.environment.name=test" }),
  ).toEqual(["named here", "1.2.3"]);
  expect(receiver.metrics.at(-1)?.resource["deployment.environment.name"]).toBe("test");
});

test("startAgent by hand does the same, tells the port, flushes and ends", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "by-hand.mjs",
    endpoint: undefined,
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: "0" },
    flags: ["--conditions=quartet-source"],
    args: [receiver.url],
  });
  await (await fetch(`${service.url}/work`)).text();
  await (await fetch(`${service.url}/flush`)).text();
  expect(receiver.spans.map(({ attributes }) => attributes["url.path"])).toContain("/work");
  expect(receiver.spans[0]?.resource["service.name"]).toBe("by-hand");
  const port = Number(await (await fetch(`${service.url}/port`)).text());
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  await (await fetch(`${service.url}/shutdown`)).text();
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow(/fetch failed|aborted/);
  const sent = receiver.spans.length;
  await (await fetch(`${service.url}/work`)).text();
  expect(await service.process.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(receiver.spans).toHaveLength(sent);
});

test("two imports start one agent", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    flags: [...agentFlags, ...agentFlags.slice(1)],
  });
  await (await fetch(`${service.url}/echo`)).text();
  await eventually("the span", () => receiver.spans.length > 0);
  expect(await service.process.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(receiver.spans).toHaveLength(1);
  expect(service.process.stderr()).toBe("");
});

test("a port that nobody may open is said, and the service runs without /metrics", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: {
      OTEL_EXPORTER_PROMETHEUS_HOST: "192.0.2.1",
      OTEL_EXPORTER_PROMETHEUS_PORT: String(await freePort()),
    },
  });
  await eventually("the warning", () => service.process.stderr().includes("OTEL_EXPORTER_PROMETHEUS_HOST"));
  expect((await fetch(`${service.url}/echo`)).status).toBe(200);
});
