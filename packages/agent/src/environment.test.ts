import { expect, test } from "vitest";
import { createEnvironment } from "./environment.ts";

test("an empty value counts as unset, and the first name that is set wins", () => {
  const { text } = createEnvironment({ A: " ", B: "b", C: "c" });
  expect(text("A", "B", "C")).toEqual({ name: "B", value: "b" });
  expect(text("A", "D")).toBeUndefined();
});

test("numbers are bounded; a problem names variable, value, bounds and what is used", () => {
  const environment = createEnvironment({ GOOD: "5", BAD: "5s", LOW: "0", FLOAT: "1.5" });
  const settings = { otherwise: 7, min: 1, max: 10 };
  expect(environment.integer(["GOOD"], settings)).toBe(5);
  expect(environment.integer(["BAD"], settings)).toBe(7);
  expect(environment.integer(["BAD"], settings)).toBe(7);
  expect(environment.integer(["LOW"], settings)).toBe(7);
  expect(environment.integer(["FLOAT"], settings)).toBe(7);
  expect(environment.number(["FLOAT"], settings)).toBe(1.5);
  expect(environment.problems()).toEqual([
    'BAD="5s" is not a whole number from 1 to 10; 7 is used',
    'LOW="0" is not a whole number from 1 to 10; 7 is used',
    'FLOAT="1.5" is not a whole number from 1 to 10; 7 is used',
  ]);
});

test("booleans and choices do not mind case", () => {
  const environment = createEnvironment({ A: "TRUE", B: "false", C: "yes", D: "Warn", E: "loud" });
  expect(["A", "B", "C", "Z"].map((name) => environment.boolean(name, true))).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect(["D", "E", "Z"].map((name) => environment.choice(name, ["warn", "info"], "info"))).toEqual([
    "warn",
    "info",
    "info",
  ]);
  expect(environment.problems()).toEqual([
    'C="yes" is neither true nor false; false is used',
    'E="loud" is not one of warn, info; info is used',
  ]);
});

test("pairs are percent-decoded; one wrong part makes all of it ignored, and its value is not repeated", () => {
  const environment = createEnvironment({ A: "a=1, b=x%20y ,c=d=e,", B: "a=1,secret", C: "a=%zz", D: "=x" });
  expect(environment.pairs("A")).toEqual({ a: "1", b: "x y", c: "d=e" });
  for (const name of ["B", "C", "D", "E"]) expect(environment.pairs(name)).toBeUndefined();
  expect(environment.problems()).toHaveLength(3);
  expect(environment.problems().join()).not.toMatch(/secret|zz/);
});

test("an address is http or https", () => {
  const environment = createEnvironment({ A: "https://h:1/p", B: "h:4318", C: "ftp://h" });
  expect(environment.url(["A"])?.url.href).toBe("https://h:1/p");
  expect(environment.url(["B"])).toBeUndefined();
  expect(environment.url(["C"])).toBeUndefined();
  expect(environment.problems()).toHaveLength(2);
});
