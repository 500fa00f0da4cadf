import { expect, test } from "vitest";
import { fingerprintOf } from "./fingerprint.ts";
import { createSlotSchedule } from "./slot.ts";
import { xxhash64 } from "./xxhash.ts";

test("xxhash64 gives the values of the reference implementation", () => {
  const check = (text: string, expected: string) =>
    expect(xxhash64(Buffer.from(text)).toString(16)).toBe(expected);
  check("", "ef46db3751d8e999");
  check("a", "d24ec4f1a98c6e5b");
  check("abc", "44bc2cf5ad770999");
  check("Nobody inspects the spammish repetition", "fbcea83c8a378bf1");
  check("0123456789".repeat(7), "4916a0f3f0e1c781");
});

test("a group's slots lie where Prometheus 3.14 puts them for the same file and name", () => {
  const nowMs = 1_750_000_000_123;
  const check = (name: string, file: string, intervalMs: number, slotMs: number) => {
    const schedule = createSlotSchedule({ name, file, intervalMs });
    expect(schedule.latestMs(nowMs)).toBe(slotMs);
    expect(schedule.latestMs(slotMs)).toBe(slotMs);
    expect(schedule.latestMs(slotMs - 1)).toBe(slotMs - intervalMs);
    expect(schedule.nextMs(slotMs)).toBe(slotMs + intervalMs);
  };
  const long = `${"long/".repeat(60)}r.yaml`;
  check("shop", "rules/shop.yaml", 1_000, 1_749_999_999_374);
  check("shop", "rules/shop.yaml", 15_000, 1_749_999_992_374);
  check("shop", "rules/shop.yaml", 60_000, 1_749_999_977_374);
  check("g", "test.yaml", 15_000, 1_749_999_989_573);
  check("n", long, 1_000, 1_749_999_999_986);
  check("n", long, 60_000, 1_749_999_994_986);
});

test("fingerprints are those of Prometheus and Alertmanager", () => {
  const check = (labels: Record<string, string>, expected: string) =>
    expect(fingerprintOf(labels)).toBe(expected);
  check({ host: "a", alertname: "High", é: "ü€" }, "4c7525f328d223ee");
  check({ severity: "critical", service: "payments", alertname: "HighErrorRate" }, "01e90adf7ecc020c");
  check({}, "cbf29ce484222325");
});
