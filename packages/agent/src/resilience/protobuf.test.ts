import { expect, test } from "vitest";
import { ProtobufWriter } from "./protobuf.ts";

function bytesOf(write: (writer: ProtobufWriter) => void): string {
  const writer = new ProtobufWriter(4);
  write(writer);
  return writer.view(0, writer.position).toString("hex");
}

test("integers are varints; negative ones take ten bytes", () => {
  const check = (value: number, hex: string) =>
    expect(bytesOf((writer) => writer.integer(1, value))).toBe(`08${hex}`);
  check(0, "00");
  check(127, "7f");
  check(128, "8001");
  check(300, "ac02");
  check(2 ** 32, "8080808010");
  check(Number.MAX_SAFE_INTEGER, "ffffffffffffff0f");
  check(-1, "ffffffffffffffffff01");
});

test("a field above 15 has a tag of two bytes", () => {
  expect(bytesOf((writer) => writer.fixed32(16, 0x301))).toBe("850101030000");
});

test("strings carry their length in bytes, whatever their characters and length", () => {
  const check = (value: string) => {
    const bytes = Buffer.from(value);
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) | 128, bytes.length >> 7];
    expect(bytesOf((writer) => writer.string(1, value))).toBe(
      Buffer.concat([Buffer.from([10, ...length]), bytes]).toString("hex"),
    );
  };
  for (const value of [
    "",
    "a",
    "x".repeat(64),
    "x".repeat(65),
    "x".repeat(25),
    "x".repeat(127),
    "x".repeat(128),
    "é",
    "aé",
    "日本",
  ])
    check(value);
  check("😀".repeat(40));
  // A lone surrogate has no UTF-8: it becomes the replacement character.
  expect(bytesOf((writer) => writer.string(1, "\ud800"))).toBe("0a03efbfbd");
});

test("a nested message has the right length on both sides of every size of length", () => {
  for (const size of [0, 1, 125, 126, 127, 128, 16_380, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const writer = new ProtobufWriter();
    const start = writer.open(1);
    writer.raw(Buffer.alloc(size, 7));
    writer.close(start);
    writer.integer(2, 1);
    const bytes = writer.view(0, writer.position);
    let length = 0;
    let position = 1;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[position++]!;
      length += (byte & 127) * factor;
      if (byte < 128) break;
    }
    expect(length).toBe(size);
    expect(bytes.subarray(position, position + size).equals(Buffer.alloc(size, 7))).toBe(true);
    expect(bytes.subarray(position + size).toString("hex")).toBe("1001");
  }
});

test("times are exact to the nanosecond", () => {
  for (const [seconds, nanoseconds] of [
    [0, 0],
    [0, 999_999_999],
    [1_795_256_739, 839_123_457],
    [4_294_967_295, 999_999_999],
    [9_000_000_000, 1],
  ] as const) {
    const bytes = Buffer.from(
      bytesOf((writer) => writer.time(1, seconds, nanoseconds)),
      "hex",
    );
    expect(bytes.readBigUInt64LE(1)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
  }
});

test("setting the position back takes back what was written", () => {
  const writer = new ProtobufWriter();
  writer.integer(1, 1);
  const before = writer.position;
  writer.string(2, "x".repeat(1_000));
  writer.position = before;
  writer.hex(3, "0aFf");
  expect(writer.view(0, writer.position).toString("hex")).toBe("08011a020aff");
});
