import { connect as connectHttp2 } from "node:http2";
import { expect, test, vi } from "vitest";
import { hasCode } from "../model/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { createTestClock, dial, goodTraceId, open, post, spanOf, traces } from "./open.test-kit.ts";
import { createOtlpReceiver } from "./receiver.ts";

const body = encodeRequest("spans", traces(spanOf(goodTraceId)));

/** An append that stays open until the test lets go. */
function createGate(): {
  readonly append: () => Promise<void>;
  readonly entered: () => number;
  release(): void;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  let entered = 0;
  return {
    append: () => {
      entered += 1;
      return promise;
    },
    entered: () => entered,
    release: resolve,
  };
}

test("a request under way is finished before the receiver has stopped, and nothing new is accepted", async () => {
  const gate = createGate();
  const { receiver, url, appended } = await open({ append: gate.append });
  const answering = post(`${url}/v1/traces`, body);
  await vi.waitFor(() => expect(gate.entered()).toBe(1));
  const stopping = receiver.stop({ deadlineMs: 10_000 });
  await expect(post(`${url}/v1/traces`, body)).rejects.toThrow("fetch failed");
  gate.release();
  const answer = await answering;
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  await stopping;
  expect(appended).toHaveLength(1);
});

test("the deadline cuts off what is still under way", async () => {
  const gate = createGate();
  const { receiver, url } = await open({ append: gate.append });
  const answering = post(`${url}/v1/traces`, body).then(
    ({ status }) => `answered ${status}`,
    (error: Error) => error.message,
  );
  await vi.waitFor(() => expect(gate.entered()).toBe(1));
  await receiver.stop({ deadlineMs: 50 });
  expect(await answering).toBe("fetch failed");
  gate.release();
});

test("idle connections of every protocol end at once when the receiver stops", async () => {
  const { receiver, address, url } = await open();
  const silent = await dial(address);
  const idle = await dial(address);
  idle.socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await vi.waitFor(() => expect(idle.received()).toContain("404"));
  const session = connectHttp2(url);
  session.on("error", () => undefined);
  const sessionClosed = new Promise((resolve) => session.once("close", resolve));
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  await receiver.stop({ deadlineMs: 60_000 });
  await Promise.all([silent.closed, idle.closed, sessionClosed]);
});

test("a receiver may be stopped twice, and without having started", async () => {
  const { receiver } = await open();
  await receiver.stop({ deadlineMs: 100 });
  await receiver.stop({ deadlineMs: 100 });
  const { receiver: other, address } = await open();
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  await other.stop({ deadlineMs: 100 });
  await createOtlpReceiver({ ...unstarted, listen: [] }).stop({ deadlineMs: 100 });
});

const silentLog = { info() {}, warn() {}, error() {} };
const noCounter = { add() {} };
const unstarted = {
  requestSizeBytesMax: 1,
  tokens: () => [],
  append: () => Promise.resolve(),
  clock: createTestClock(0),
  telemetry: {
    counter: () => noCounter,
    gauge: () => ({ set() {} }),
    observedGauge() {},
    histogram: () => ({ observe() {} }),
    snapshot: () => Promise.resolve([]),
  },
  log: silentLog,
};

test("a port in use is named with the key that moves it, and the other addresses are let go", async () => {
  const { address } = await open();
  const port = Number(address.split(":")[1]);
  const { receiver: probe, address: free } = await open();
  await probe.stop({ deadlineMs: 100 });
  const freePort = Number(free.split(":")[1]);
  const receiver = createOtlpReceiver({
    ...unstarted,
    listen: [
      { host: "127.0.0.1", port: freePort },
      { host: "127.0.0.1", port },
    ],
  });
  let error: unknown;
  await receiver.start().catch((caught: unknown) => (error = caught));
  expect(hasCode(error, "QUARTET_ADDRESS_IN_USE")).toBe(true);
  expect((error as Error).message).toBe(
    `127.0.0.1:${port} is in use: stop the other program, or set receive.otlp.listen to other addresses`,
  );
  await expect(dial(`127.0.0.1:${freePort}`)).rejects.toThrow("ECONNREFUSED");
});

test("an address that is not of this machine is told from one in use", async () => {
  const receiver = createOtlpReceiver({ ...unstarted, listen: [{ host: "203.0.113.7", port: 0 }] });
  await expect(receiver.start()).rejects.toThrow("203.0.113.7:0 is no address of this machine");
});

test("every address serves, each under the port that it took", async () => {
  const { addresses } = await open({
    listen: [
      { host: "127.0.0.1", port: 0 },
      { host: "127.0.0.1", port: 0 },
    ],
  });
  expect(new Set(addresses).size).toBe(2);
  for (const address of addresses) {
    expect((await post(`http://${address}/v1/traces`, body)).status).toBe(200);
  }
});
