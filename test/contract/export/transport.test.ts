import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type {
  ExportResponse,
  Transport,
  TransportSettings,
} from "../../../packages/collector/src/export/index.ts";
import { openTempDir } from "../../support/index.ts";
import { startTestBackend, type TestBackend } from "./backend.ts";
import { openTransport } from "./harness.ts";
import { startTestProxy } from "./proxy.ts";

const post = (transport: Transport, endpoint: string, body = "hello"): Promise<ExportResponse> =>
  transport.send({
    method: "POST",
    url: new URL(`${endpoint}/v1/traces?a=b`),
    headers: { "content-type": "text/plain" },
    body: [Buffer.from(body)],
    signal: AbortSignal.timeout(10_000),
  });

/** Posts once over a transport of its own. */
async function postOnce(backend: TestBackend, settings: Partial<TransportSettings>): Promise<ExportResponse> {
  const transport = openTransport(settings);
  try {
    return await post(transport, backend.endpoint);
  } finally {
    transport.close();
  }
}

test("a bearer token comes from its file, and a new one is sent a second after the file changed", async () => {
  await using folder = await openTempDir("auth");
  await using backend = await startTestBackend();
  const tokenFile = join(folder.path, "token");
  writeFileSync(tokenFile, "first\n");
  let nowMs = 0;
  const transport = openTransport({ auth: { kind: "bearer", tokenFile }, nowMs: () => nowMs });
  const sent = async (): Promise<string | undefined> => {
    await post(transport, backend.endpoint);
    return backend.requests.at(-1)!.headers.authorization;
  };
  expect(await sent()).toBe("Bearer first");
  writeFileSync(tokenFile, "the second\n");
  expect(await sent()).toBe("Bearer first");
  nowMs += 1_000;
  expect(await sent()).toBe("Bearer the second");
  // A file that is being rewritten is empty for a moment.
  writeFileSync(tokenFile, "");
  nowMs += 1_000;
  expect(await sent()).toBe("Bearer the second");
  writeFileSync(tokenFile, "third");
  nowMs += 1_000;
  expect(await sent()).toBe("Bearer third");
  transport.close();
});

test("a user with a password file is basic authentication, and wins over a header of the configuration", async () => {
  await using folder = await openTempDir("auth");
  await using backend = await startTestBackend();
  const passwordFile = join(folder.path, "password");
  writeFileSync(passwordFile, "pässword\n");
  await postOnce(backend, {
    auth: { kind: "basic", username: "me", passwordFile },
    headers: { Authorization: "other", "X-Scope": "team" },
  });
  expect(backend.requests[0]!.headers).toMatchObject({
    authorization: `Basic ${Buffer.from("me:pässword").toString("base64")}`,
    "x-scope": "team",
  });
});

test("a secret that is of no use at the start is named with its key", async () => {
  await using folder = await openTempDir("auth");
  const tokenFile = join(folder.path, "token");
  const open = () => openTransport({ auth: { kind: "bearer", tokenFile } });
  expect(open).toThrow(/^export\.jaeger\.auth\.bearer_token_file: cannot read .*token: ENOENT/);
  writeFileSync(tokenFile, "\n");
  expect(open).toThrow("export.jaeger.auth.bearer_token_file: the file is empty");
  writeFileSync(tokenFile, "two\nlines");
  expect(open).toThrow(/^export\.jaeger\.auth\.bearer_token_file: Invalid character/);
});

test("a header that cannot be sent, or that the exporter sets itself, is named at the start", () => {
  const open = (name: string, value: string) => () => openTransport({ headers: { [name]: value } });
  expect(open("x scope", "a")).toThrow(/^export\.jaeger\.headers\.x scope: /);
  expect(open("x-scope", "a\nb")).toThrow(/^export\.jaeger\.headers\.x-scope: /);
  expect(open("Content-Length", "7")).toThrow(
    "export.jaeger.headers.Content-Length: is set by the exporter itself; leave it off",
  );
});

test("a plain request goes through the proxy as a whole address, with the proxy's user", async () => {
  await using backend = await startTestBackend();
  await using proxy = await startTestProxy({ name: "me", password: "a:b@c" });
  backend.answer = () => ({ status: 202, body: "taken" });
  const answer = await postOnce(backend, { proxy: proxy.url });
  expect(answer).toMatchObject({ statusCode: 202, isCut: false });
  expect(answer.body.toString()).toBe("taken");
  expect(proxy.asked).toEqual([`POST ${backend.endpoint}/v1/traces?a=b`]);
  expect(backend.requests[0]).toMatchObject({
    path: "/v1/traces?a=b",
    headers: { host: new URL(backend.endpoint).host },
  });
});

test("an answer longer than its bound is cut there", async () => {
  await using backend = await startTestBackend();
  backend.answer = () => ({ status: 500, body: "x".repeat(5_000_000) });
  const transport = openTransport();
  const answer = await post(transport, backend.endpoint);
  expect(answer).toMatchObject({ statusCode: 500, isCut: true });
  expect(answer.body).toHaveLength(64 * 1024);
  // The connection that had more to say is not used again.
  backend.answer = () => ({ status: 200, body: "x".repeat(64 * 1024) });
  expect(await post(transport, backend.endpoint)).toMatchObject({ statusCode: 200, isCut: false });
  transport.close();
});

test("connections are kept from one request to the next", async () => {
  await using backend = await startTestBackend();
  const transport = openTransport();
  for (let index = 0; index < 5; index += 1) await post(transport, backend.endpoint);
  expect(backend.connectionCount).toBe(1);
  transport.close();
});
