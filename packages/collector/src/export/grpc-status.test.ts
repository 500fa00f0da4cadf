import { expect, test } from "vitest";
import { encodeRetryStatus } from "../otlp/index.ts";
import { outcomeOfGrpcStatus, parseGrpcStatus } from "./grpc-status.ts";

const statusOf = (code: number, retryAfterMs?: number) => ({ code, message: "why", retryAfterMs });

test("only the codes of the specification are retried; RESOURCE_EXHAUSTED when it says for how long", () => {
  const kinds = Array.from({ length: 17 }, (_, code) => outcomeOfGrpcStatus(statusOf(code)).kind);
  const retryable = kinds.flatMap((kind, code) => (kind === "retryable" ? [code] : []));
  expect(retryable).toEqual([1, 4, 10, 11, 14, 15]);
  expect(kinds[3]).toBe("refused");
  expect(kinds[8]).toBe("too_large");
  expect(outcomeOfGrpcStatus(statusOf(8, 0))).toEqual({
    kind: "retryable",
    message: "status 8 why",
    retryAfterMs: 0,
  });
  for (const [code, reason] of [
    [16, "unauthorized"],
    [7, "unauthorized"],
    [12, "not_found"],
    [13, "unexpected_status"],
    [2, "unexpected_status"],
    [99, "unexpected_status"],
  ] as const) {
    expect(outcomeOfGrpcStatus(statusOf(code))).toMatchObject({ kind: "paused", reason });
  }
});

test("RetryInfo is found in the details, with and without padding, and is at most a day", () => {
  const parse = (retryAfterMs: number, change = (text: string) => text) =>
    parseGrpcStatus({
      "grpc-status": "14",
      "grpc-status-details-bin": change(
        encodeRetryStatus({ code: 14, message: "busy", retryAfterMs }).toString("base64"),
      ),
    })?.retryAfterMs;
  expect(parse(1_500)).toBe(1_500);
  expect(parse(20, (text) => text.replace(/=+$/, ""))).toBe(20);
  expect(parse(90_000_000)).toBe(86_400_000);
  expect(parse(1_500, () => "%%%")).toBeUndefined();
  expect(parse(1_500, () => Buffer.from("no protobuf").toString("base64"))).toBeUndefined();
});

test("a message is decoded from its percent signs into one short line", () => {
  const parse = (message: string) =>
    parseGrpcStatus({ "grpc-status": "3", "grpc-message": message })?.message;
  expect(parse("100%25 f%C3%BCr%0Adich %zz")).toBe("100% für dich %zz");
  expect(parse("x".repeat(1_000))).toHaveLength(300);
});

test("trailers without a number for a status have none", () => {
  expect(parseGrpcStatus({})).toBeUndefined();
  expect(parseGrpcStatus({ "grpc-status": "OK" })).toBeUndefined();
});
