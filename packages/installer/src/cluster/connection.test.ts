import { createServer, type RequestListener, type Server } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { InstallerError } from "../output/index.ts";
import type { ClusterClient } from "./client.ts";
import { connectCluster, type ConnectSettings } from "./connection.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "quartet-kubeconfig-"));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const clients: ClusterClient[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

function writeKubeconfig(name: string, contexts: Readonly<Record<string, string>>, current?: string): string {
  const file = join(dir, name);
  const names = Object.keys(contexts);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    ...(current === undefined ? {} : { "current-context": current }),
    clusters: names.map((one) => ({ name: one, cluster: { server: contexts[one] } })),
    users: names.map((one) => ({ name: one, user: { token: `token-of-${one}` } })),
    contexts: names.map((one) => ({ name: one, context: { cluster: one, user: one } })),
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function connect(settings: Partial<ConnectSettings>): Promise<ClusterClient> {
  const client = await connectCluster({
    kubeconfig: undefined,
    context: undefined,
    env: { HOME: dir },
    signal: new AbortController().signal,
    ...settings,
  });
  clients.push(client);
  return client;
}

async function failure(settings: Partial<ConnectSettings>): Promise<{ exitCode: number; message: string }> {
  const error: unknown = await connect(settings).catch((thrown: unknown) => thrown);
  if (!(error instanceof InstallerError)) throw new Error(`gave ${String(error)}`);
  return { exitCode: error.exitCode, message: error.message };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("which cluster", () => {
  test("the flag comes before the variable", async () => {
    const flag = writeKubeconfig("flag", { a: "http://flag.example.com" }, "a");
    const variable = writeKubeconfig("variable", { a: "http://variable.example.com" }, "a");
    const { target } = await connect({ kubeconfig: flag, env: { KUBECONFIG: variable } });
    expect(target).toEqual({ source: flag, context: "a", address: "http://flag.example.com" });
  });

  test("files of the variable are merged, missing ones pass over, the first current context counts", async () => {
    const first = writeKubeconfig("first", { a: "http://a.example.com" }, "a");
    const second = writeKubeconfig("second", { b: "http://b.example.com" }, "b");
    const env = { KUBECONFIG: [first, join(dir, "missing"), second].join(delimiter) };
    expect((await connect({ env })).target.address).toBe("http://a.example.com");
    expect((await connect({ env, context: "b" })).target.address).toBe("http://b.example.com");
  });

  test("without any file the message names everywhere that was looked", async () => {
    expect(await failure({ env: { HOME: dir } })).toEqual({
      exitCode: 2,
      message: `no kubeconfig: looked for --kubeconfig, the variable KUBECONFIG and ${join(dir, ".kube", "config")}; name the file of your cluster with --kubeconfig`,
    });
    expect((await failure({ kubeconfig: "/no/such" })).message).toBe(
      "--kubeconfig: there is no file /no/such",
    );
    expect((await failure({ env: { KUBECONFIG: `/a${delimiter}/b` } })).message).toBe(
      "KUBECONFIG: there is no file /a nor /b",
    );
  });

  test("an unknown context names the nearest one", async () => {
    const kubeconfig = writeKubeconfig(
      "contexts",
      { production: "http://p", staging: "http://s" },
      "staging",
    );
    expect(await failure({ kubeconfig, context: "producton" })).toEqual({
      exitCode: 2,
      message: `${kubeconfig} has no context producton; did you mean production? (it has production, staging)`,
    });
  });

  test("a file without a current context asks for one", async () => {
    const kubeconfig = writeKubeconfig("current", { one: "http://one" });
    expect((await failure({ kubeconfig })).message).toBe(
      `${kubeconfig} has no current context; choose one with --context (it has one)`,
    );
  });

  test.each(["", "a: [", "just text"])("a file that is no kubeconfig (%j) is named", async (text) => {
    const kubeconfig = join(dir, "broken");
    writeFileSync(kubeconfig, text);
    const { exitCode, message } = await failure({ kubeconfig });
    expect([exitCode, message.includes(kubeconfig)]).toEqual([2, true]);
  });
});

describe("requests", () => {
  test("an unreachable cluster is named by kubeconfig, context and address", async () => {
    const address = await serve(() => undefined);
    servers.splice(0).forEach((server) => server.close());
    const kubeconfig = writeKubeconfig("closed", { gone: address }, "gone");
    const client = await connect({ kubeconfig });
    const error = await client
      .request({ method: "GET", path: "/version" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "QUARTET_CLUSTER_UNREACHABLE",
      exitCode: 1,
      message: `cannot reach the Kubernetes API at ${address} (context gone of ${kubeconfig}): connect ECONNREFUSED ${new URL(address).host}; start the cluster, or choose another with --context or --kubeconfig`,
    });
  });

  test("credentials that are not accepted are named", async () => {
    const address = await serve((_request, response) => response.writeHead(401).end("{}"));
    const kubeconfig = writeKubeconfig("refused", { closed: address }, "closed");
    const client = await connect({ kubeconfig });
    await expect(client.request({ method: "GET", path: "/version" })).rejects.toThrow(
      `${address} does not accept the credentials of the context closed (${kubeconfig})`,
    );
  });

  test("the token goes along, and warnings and bodies come back", async () => {
    const seen: (string | undefined)[] = [];
    const address = await serve((request, response) => {
      const { authorization, "content-type": contentType, "user-agent": agent } = request.headers;
      seen.push(authorization, contentType, agent);
      response.writeHead(200, { warning: '299 - "would \\"break\\"", 299 - "second"' }).end('{"a":1}');
    });
    const client = await connect({ kubeconfig: writeKubeconfig("ok", { ok: address }, "ok") });
    const answer = await client.request({
      method: "PATCH",
      path: "/x?dryRun=All",
      body: {},
      contentType: "application/x",
    });
    expect(answer).toEqual({ status: 200, body: { a: 1 }, warnings: ['would "break"', "second"] });
    expect(seen).toEqual(["Bearer token-of-ok", "application/x", "quartet"]);
  });

  test("are counted by what they do", async () => {
    const address = await serve((_request, response) => response.end("no JSON"));
    const client = await connect({ kubeconfig: writeKubeconfig("count", { ok: address }, "ok") });
    await client.request({ method: "GET", path: "/a" });
    await client.request({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: {},
    });
    await client.request({ method: "PATCH", path: "/a?dryRun=All", body: {} });
    await client.request({ method: "PATCH", path: "/a", body: {} });
    await client.request({ method: "DELETE", path: "/a" });
    expect(client.counts()).toEqual({ reads: 2, dryRuns: 1, writes: 2 });
  });

  test("an aborted command sends nothing more", async () => {
    const controller = new AbortController();
    const address = await serve((_request, response) => response.end("{}"));
    const kubeconfig = writeKubeconfig("abort", { ok: address }, "ok");
    const client = await connect({ kubeconfig, signal: controller.signal });
    controller.abort();
    await expect(client.request({ method: "GET", path: "/a" })).rejects.toBe(controller.signal.reason);
  });
});
