import { expect, test } from "vitest";
import { createTestClock, dial, open } from "./open.test-kit.ts";
import { watchPace } from "./pace.ts";

/** A body of which so many bytes have come by each second; what was said of it, and when. */
function watch({
  receivedAt,
  announcedBytes,
  timeoutMs = 60_000,
}: {
  readonly receivedAt: (second: number) => number | undefined;
  readonly announcedBytes?: number;
  readonly timeoutMs?: number;
}): string | undefined {
  const clock = createTestClock(0);
  const said: string[] = [];
  watchPace({
    clock,
    timeoutMs,
    receivedBytes: () => receivedAt(clock.nowMs() / 1_000),
    announcedBytes: () => announcedBytes,
    onSlow: (message) => said.push(`${clock.nowMs() / 1_000} s: ${message}`),
  });
  for (let second = 1; second <= 100; second += 1) clock.turnTo(second * 1_000);
  return said[0];
}

test("a sender has five seconds to get going", () => {
  expect(watch({ receivedAt: () => 0 })).toBe("5 s: the request comes too slowly: 0 bytes in 5 s");
});

test("a thousand bytes a second are enough when nothing was announced, until the time is up", () => {
  expect(watch({ receivedAt: (second) => second * 1_100 })).toBe(
    "60 s: the request took longer than 60 s to arrive",
  );
  expect(watch({ receivedAt: (second) => 6_000 + second * 900 })).toMatch(/^49 s: .* too slowly/);
});

test("what was announced should come in time: at half the pace for that it is given up", () => {
  const announcedBytes = 6_000_000;
  expect(watch({ announcedBytes, receivedAt: (second) => second * 49_000 })).toMatch(/^5 s: .* too slowly/);
  expect(watch({ announcedBytes, receivedAt: (second) => second * 51_000 })).toMatch(/^60 s: /);
});

test("while we make the sender wait it is not slow", () => {
  expect(watch({ receivedAt: (second) => (second < 30 ? undefined : 0) })).toMatch(/^30 s: .* too slowly/);
});

test("a sender that announces much and sends a byte now and then is cut off with 408", async () => {
  const clock = createTestClock(0);
  const { address, metrics } = await open({ clock });
  const { socket, received, closed } = await dial(address);
  socket.write(
    "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{",
  );
  while (!(await metrics()).join().includes("in_flight_bytes 1000000")) await new Promise(setImmediate);
  clock.turnTo(5_000);
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 408 .*comes too slowly/s);
  expect((await metrics()).join()).not.toContain("in_flight_bytes");
});
