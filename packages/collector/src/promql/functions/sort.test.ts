import { expect, test } from "vitest";
import { compareNatural } from "./sort.ts";

test("numbers inside of labels sort by their value", () => {
  const names = ["disk10", "disk2", "disk1", "cpu", "disk2a"];
  expect([...names].sort(compareNatural)).toEqual(["cpu", "disk1", "disk2", "disk2a", "disk10"]);
});

test("leading zeros make no difference", () => {
  expect(compareNatural("disk02", "disk2")).toBe(0);
});
