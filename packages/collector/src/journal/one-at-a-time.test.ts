import { expect, test } from "vitest";
import { oneAtATime } from "./one-at-a-time.ts";

test("a call begins when the one before has ended, also by an error, and each has its own outcome", async () => {
  const begun: number[] = [];
  const calls = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const run = oneAtATime((index: number) => {
    begun.push(index);
    return calls[index]!.promise;
  });
  const outcomes = [0, 1, 2].map((index) => run(index).then(() => index, String));
  await new Promise(setImmediate);
  expect(begun).toEqual([0]);
  calls[0]!.reject(new Error("no"));
  expect(await outcomes[0]).toBe("Error: no");
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
  calls[2]!.resolve();
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
  calls[1]!.resolve();
  expect(await Promise.all(outcomes)).toEqual(["Error: no", 1, 2]);
});
