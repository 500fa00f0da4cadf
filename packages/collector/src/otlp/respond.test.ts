import { expect, test } from "vitest";
import { encodeExportResponse, encodeStatus } from "./respond.ts";

test("full success leaves partial_success unset", () => {
  expect(encodeExportResponse("spans", "application/json").toString()).toBe("{}");
  expect(encodeExportResponse("spans", "application/x-protobuf")).toHaveLength(0);
});

test("partial success names the count by its signal, in the encoding of the request", () => {
  const partial = { rejectedCount: 2, message: "m" };
  const json = (signal: "spans" | "logs" | "metrics") =>
    encodeExportResponse(signal, "application/json", partial).toString();
  expect(json("spans")).toBe('{"partialSuccess":{"rejectedSpans":"2","errorMessage":"m"}}');
  expect(json("logs")).toBe('{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"m"}}');
  expect(json("metrics")).toBe('{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"m"}}');
  // partial_success(1) { rejected(1): 2, error_message(2): "m" }
  expect(encodeExportResponse("spans", "application/x-protobuf", partial).toString("hex")).toBe(
    "0a05080212016d",
  );
});

test("a Status is in the encoding of the request too", () => {
  // code(1): 3, message(2): "m"
  expect(encodeStatus("application/x-protobuf", { code: 3, message: "m" }).toString("hex")).toBe(
    "080312016d",
  );
  expect(encodeStatus("application/json", { code: 3, message: "m" }).toString()).toBe(
    '{"code":3,"message":"m"}',
  );
});

test("a long message is shortened, and half a character is no character", () => {
  const { message } = JSON.parse(
    encodeStatus("application/json", { code: 3, message: "🎉".repeat(100_000) }).toString(),
  ) as { message: string };
  expect(message.length).toBeLessThanOrEqual(4_096);
  expect(message.isWellFormed()).toBe(true);
  expect(() => encodeStatus("application/x-protobuf", { code: 3, message: "\ud800" })).not.toThrow();
});
