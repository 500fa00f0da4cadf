import { expect, test } from "vitest";
import { outcomeOfError, outcomeOfFailure, parseRetryAfter } from "./outcome.ts";
import { parseExportResponse } from "./partial-success.ts";

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

test("Retry-After is seconds or an HTTP date, never negative, at most a day", () => {
  const check = (value: string | undefined, expected: number | undefined): void =>
    expect(parseRetryAfter(value, nowMs)).toBe(expected);
  check(undefined, undefined);
  check("0", 0);
  check(" 120 ", 120_000);
  check("Fri, 02 Jan 2026 03:05:05 GMT", 60_000);
  check("Friday, 02-Jan-26 03:05:05 GMT", 60_000);
  check("Fri, 02 Jan 2026 03:00:00 GMT", 0);
  check("999999999", 86_400_000);
  check("soon", undefined);
  check("-5", 0);
});

test("errors of the network are retried; an unknown name and broken TLS pause", () => {
  const check = (code: string, expected: object): void =>
    expect(outcomeOfError(Object.assign(new Error("failed"), { code }))).toMatchObject({
      ...expected,
      message: `failed (${code})`,
    });
  for (const code of ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "EAI_AGAIN"]) {
    check(code, { kind: "retryable" });
  }
  check("ENOTFOUND", { kind: "paused", reason: "dns" });
  for (const code of [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "EPROTO",
  ]) {
    check(code, { kind: "paused", reason: "tls" });
  }
});

test("the message of an answer is one short printable line", () => {
  const body = Buffer.concat([Buffer.from([0x12, 0x05]), Buffer.from(`bad\nid\u0000${"x".repeat(1_000)}`)]);
  const outcome = outcomeOfFailure(
    { statusCode: 400, headers: { "content-type": "application/x-protobuf" }, body, isCut: false },
    nowMs,
  );
  expect(outcome).toMatchObject({
    kind: "refused",
    message: expect.stringMatching(/^400 bad id x+$/) as unknown,
  });
  expect((outcome as { message: string }).message.length).toBeLessThan(310);
});

test("an export response is read as protobuf says: unknown fields passed over, the last value counts", () => {
  const check = (bytes: readonly number[], expected: object | undefined): void =>
    expect(parseExportResponse(Buffer.from(bytes))).toEqual(expected);
  check([], { rejectedCount: 0, message: "" });
  check([0x0a, 0], { rejectedCount: 0, message: "" });
  check([0x0a, 3, 0x08, 0xac, 0x02], { rejectedCount: 300, message: "" });
  check([0x0a, 4, 0x08, 1, 0x08, 2], { rejectedCount: 2, message: "" });
  check([0x0a, 4, 0x12, 2, 0x68, 0x69], { rejectedCount: 0, message: "hi" });
  check([0x1d, 1, 2, 3, 4, 0x0a, 2, 0x08, 9], { rejectedCount: 9, message: "" });
  check([0x21, 1, 2, 3, 4, 5, 6, 7, 8], { rejectedCount: 0, message: "" });
  for (const broken of [[0x0a], [0x0a, 5, 1], [0x0b], [0x00], [0x0a, 1, 0x08], [0x1d, 1, 2], [0x3c]])
    check(broken, undefined);
});

test("no answer of any bytes makes the parser throw or count below zero", () => {
  let seed = 42;
  const random = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  let readCount = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(
      Array.from({ length: Math.floor(random() * 12) }, () => Math.floor(random() * 40)),
    );
    const parsed = parseExportResponse(bytes);
    if (parsed === undefined) continue;
    readCount += 1;
    expect(parsed.rejectedCount).toBeGreaterThanOrEqual(0);
  }
  expect(readCount).toBeGreaterThan(1_000);
});
