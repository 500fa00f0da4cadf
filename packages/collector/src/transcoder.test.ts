import { expect, test } from "vitest";
import { systemClock, type Clock } from "./model/index.ts";
import { transcodeJson } from "./otlp/index.ts";
import { createTranscoder } from "./transcoder.ts";

const bodyOf = (spanCount: number) => {
  const span = {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    name: "x".repeat(4_000),
  };
  const spans = Array.from({ length: spanCount }, () => span);
  return Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
};

test("a large body becomes the same protobuf in a thread of its own, and others go on meanwhile", async () => {
  const transcoder = createTranscoder({ clock: systemClock });
  const large = bodyOf(300);
  expect(large.length).toBeGreaterThan(1024 * 1024);
  let turns = 0;
  const turning = setInterval(() => (turns += 1), 1);
  const transcoded = await transcoder.transcode("spans", large);
  clearInterval(turning);
  expect(turns).toBeGreaterThan(5);
  expect(Buffer.from(transcoded).equals(transcodeJson("spans", large))).toBe(true);
  await transcoder.stop();
  await transcoder.stop();
}, 30_000);

test("a small body needs no thread", () => {
  const transcoder = createTranscoder({ clock: systemClock });
  expect(transcoder.transcode("spans", bodyOf(3))).toBeInstanceOf(Uint8Array);
});

test("a large body that is broken is refused as a small one is, with its path", async () => {
  const transcoder = createTranscoder({ clock: systemClock });
  const broken = Buffer.from(bodyOf(300).toString().replace("4bf92f35", "no hex"));
  await expect(transcoder.transcode("spans", broken)).rejects.toMatchObject({
    code: "QUARTET_OTLP_INVALID",
    message: expect.stringContaining("spans[0].traceId") as unknown,
  });
  await transcoder.stop();
}, 30_000);

test("a body that is under way when the collector stops is told to come again", async () => {
  const transcoder = createTranscoder({ clock: systemClock });
  const transcoding = Promise.resolve(transcoder.transcode("spans", bodyOf(300))).catch(
    (error: unknown) => error,
  );
  await transcoder.stop();
  expect(await transcoding).toMatchObject({ code: "QUARTET_JOURNAL_UNAVAILABLE" });
}, 30_000);

test("the thread ends when nobody has needed it for a minute, and begins again", async () => {
  let ring: (() => void) | undefined;
  const clock: Clock = {
    nowMs: () => 0,
    setTimer(callback) {
      ring = callback;
      return () => (ring = undefined);
    },
  };
  const transcoder = createTranscoder({ clock });
  for (let round = 0; round < 2; round += 1) {
    await transcoder.transcode("spans", bodyOf(300));
    expect(ring).toBeDefined();
    ring!();
  }
  await transcoder.stop();
}, 30_000);
