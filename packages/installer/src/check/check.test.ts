import { expect, test } from "vitest";
import { formatFinding, runChecks, type Check, type CheckOutcome } from "./check.ts";

/** A clock that only `sleep` moves. */
function fakeClock(): { nowMs: () => number; sleep: (ms: number) => Promise<void> } {
  let timeMs = 0;
  return {
    nowMs: () => timeMs,
    sleep: async (ms) => {
      timeMs += ms;
    },
  };
}

function check(run: () => Promise<CheckOutcome>, change: Partial<Check> = {}): Check {
  return { description: "it holds", hint: "mend it", severity: "fatal", deadlineMs: 0, run, ...change };
}

test("checks run in their order, each once when it passes", async () => {
  const order: number[] = [];
  const checks = [1, 2, 3].map((number) =>
    check(
      async () => {
        order.push(number);
        return { kind: "passed" };
      },
      { deadlineMs: 10_000 },
    ),
  );
  const results = await runChecks(checks, fakeClock());
  expect(order).toEqual([1, 2, 3]);
  expect(results.map(({ kind }) => kind)).toEqual(["passed", "passed", "passed"]);
});

test("a check with a deadline is asked until it passes", async () => {
  let count = 0;
  const late = check(
    async () =>
      (count += 1) < 4 ? { kind: "found", problem: "not yet", isPassing: true } : { kind: "passed" },
    {
      deadlineMs: 10_000,
    },
  );
  const results = await runChecks([late], fakeClock());
  expect([count, results[0]?.kind]).toEqual([4, "passed"]);
});

test("what will not pass is asked once, whatever the deadline", async () => {
  let count = 0;
  const never = check(
    async () => {
      count += 1;
      return { kind: "found", problem: "for good" };
    },
    { deadlineMs: 10_000 },
  );
  await runChecks([never], fakeClock());
  expect(count).toBe(1);
});

test("after the deadline the last finding counts, and the next check runs", async () => {
  const clock = fakeClock();
  const never = check(async () => ({ kind: "found", problem: `at ${clock.nowMs()}`, isPassing: true }), {
    deadlineMs: 2_000,
  });
  const results = await runChecks([never, check(async () => ({ kind: "passed" }))], clock);
  expect(results).toMatchObject([{ kind: "found", problem: "at 2000" }, { kind: "passed" }]);
});

test("a finding says what is the matter and what to do", async () => {
  const warning = check(async () => ({ kind: "found", problem: "it does not" }), { severity: "warning" });
  const results = await runChecks([warning], fakeClock());
  expect(results.map(formatFinding).join()).toBe("warning  it holds: it does not\n         mend it");
});
