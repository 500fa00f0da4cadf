import { expect, test } from "vitest";
import { parseExportResponse } from "./export-response.ts";

const protobuf = "application/x-protobuf";
const full = { rejectedCount: 0, message: "" };

test("protobuf: an empty answer, and one with an empty partial success, are full successes", () => {
  expect(parseExportResponse(Buffer.alloc(0), protobuf)).toEqual(full);
  expect(parseExportResponse(Buffer.from("0a00", "hex"), protobuf)).toEqual(full);
});

test("protobuf: the rejected count and the message are read; unknown fields are passed over", () => {
  const partial = Buffer.from(`08ac0212036f6c6419${"00".repeat(8)}2500000000`, "hex");
  const answer = Buffer.concat([Buffer.from([0x10, 0x05, 0x0a, partial.length]), partial]);
  expect(parseExportResponse(answer, protobuf)).toEqual({ rejectedCount: 300, message: "old" });
});

test("broken answers are full successes: the status said so", () => {
  for (const hex of ["0aff", "0a0508", "08", "0bff", "ffffffffffffffffffffffffff", "0a0212ff"])
    expect(parseExportResponse(Buffer.from(hex, "hex"), protobuf)).toEqual(full);
  expect(parseExportResponse(Buffer.from("<html>"), "application/json")).toEqual(full);
  expect(parseExportResponse(Buffer.from("null"), "application/json")).toEqual(full);
});

test("JSON: all three names of the count, as number or text", () => {
  const check = (partialSuccess: object, rejectedCount: number) =>
    expect(
      parseExportResponse(Buffer.from(JSON.stringify({ partialSuccess })), "application/json; charset=utf-8"),
    ).toEqual({ rejectedCount, message: "" });
  check({ rejectedSpans: "7" }, 7);
  check({ rejectedLogRecords: 8 }, 8);
  check({ rejectedDataPoints: "9" }, 9);
  check({ rejectedSpans: "many" }, 0);
});
