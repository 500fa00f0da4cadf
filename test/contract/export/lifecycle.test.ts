import { expect, test } from "vitest";
import { createExporter } from "../../../packages/collector/src/export/index.ts";
import { until } from "../../support/index.ts";
import type { Answer } from "./backend.ts";
import { openHarness, soon, untilDelay, untilRequests } from "./harness.ts";

test("stop ends at once while waiting to try again; what was not accepted stays queued", async () => {
  await using harness = await openHarness();
  const answers: Answer[] = [{ status: 200 }, { status: 503 }];
  harness.backend.answer = () => answers.shift()!;
  await harness.append("a");
  harness.exporter.start();
  await untilRequests(harness, 1);
  await harness.append("b");
  await untilDelay(harness);
  await harness.exporter.stop({ deadlineMs: 60_000 });
  await harness.exporter.stop({ deadlineMs: 60_000 });
  expect(harness.committedOffset).toBe(1);
});

test("stop waits for the answer under way, but no longer than its deadline", async () => {
  await using harness = await openHarness();
  harness.backend.answer = () => "silence";
  await harness.append("a");
  harness.exporter.start();
  await untilRequests(harness, 1);
  const stopped = harness.exporter.stop({ deadlineMs: 3_000 });
  await until(() => harness.clock.delaysMs.includes(3_000), { ...soon, what: "the deadline" });
  harness.clock.advance(3_000);
  await stopped;
  expect(harness.committedOffset).toBe(0);
});

test("stop before start does no harm", async () => {
  await using harness = await openHarness();
  await harness.exporter.stop({ deadlineMs: 1_000 });
  expect(harness.backend.requests).toHaveLength(0);
});

test.each([
  ["localhost", /"localhost" is no address; write it like http:\/\/127\.0\.0\.1:4318/],
  ["localhost:4318", /begins with localhost: instead of http: or https:/],
  ["grpc://host:4317", /begins with grpc:/],
  ["http://user:secret@host", /put them into export\.jaeger\.auth/],
  ["http://host:4318/v1/traces", /leave \/v1\/traces off/],
  ["http://host:4318/?a=b", /behind "\?"; leave it off/],
])("the endpoint %s is refused at creation with the key and the mend", async (endpoint, message) => {
  await expect(openHarness({ endpoint })).rejects.toMatchObject({
    code: "QUARTET_CONFIG_INVALID",
    message: expect.stringMatching(message) as unknown,
  });
  await expect(openHarness({ endpoint })).rejects.toThrow(/^export\.jaeger\.endpoint: /);
});

test("the path of an endpoint stays in front of the signal's", async () => {
  await using harness = await openHarness();
  await using prefixed = await openHarness({ endpoint: `${harness.backend.endpoint}/otlp/` });
  await prefixed.append("a");
  prefixed.exporter.start();
  await untilRequests(harness, 1);
  expect(harness.backend.requests[0]!.path).toBe("/otlp/v1/traces");
});

test("a signal without a reader is a mistake of the wiring, said at creation", async () => {
  await using harness = await openHarness();
  const { telemetry, clock } = harness;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const create = () =>
    createExporter({
      name: "jaeger",
      signals: ["logs"],
      createBackEnd: () => expect.fail("there is nothing to send"),
      readers: {},
      deadLetters: {},
      telemetry,
      clock,
      log,
    });
  expect(create).toThrow(/open both for consumer export\.jaeger\.logs/);
});
