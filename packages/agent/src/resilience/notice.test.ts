import { expect, test } from "vitest";
import { createGuard } from "./guard.ts";
import { createNotice, type NoticeLevel } from "./notice.ts";
import { createOutage } from "./outage.ts";

function collect(level: NoticeLevel) {
  const lines: string[] = [];
  return { lines, notice: createNotice(level, (line) => lines.push(line)) };
}

test("a notice is one line with its code, and OTEL_LOG_LEVEL chooses what is said", () => {
  const check = (level: NoticeLevel, count: number) => {
    const { lines, notice } = collect(level);
    notice.warn("QUARTET_AGENT_PORT", "taken");
    notice.info("QUARTET_AGENT_COLLECTOR_BACK", "back");
    expect(lines).toHaveLength(count);
  };
  check("none", 0);
  check("error", 0);
  check("warn", 1);
  check("info", 2);
  check("debug", 2);
  const { lines, notice } = collect("warn");
  notice.warn("QUARTET_AGENT_PORT", "taken");
  expect(lines).toEqual(["quartet-agent: QUARTET_AGENT_PORT: taken\n"]);
});

test("a notice that cannot be written does not reach the service", () => {
  const notice = createNotice("warn", () => {
    throw new Error("stderr is closed");
  });
  expect(() => notice.warn("QUARTET_AGENT_PORT", "taken")).not.toThrow();
});

test("what a guarded callback throws is counted, said once by name, and goes no further", () => {
  const { lines, notice } = collect("warn");
  const guard = createGuard(notice);
  const broken = guard("reading a header", () => {
    throw new Error("no header");
  });
  for (let round = 0; round < 3; round += 1) broken();
  expect(guard.errorCount()).toBe(3);
  expect(lines).toEqual(["quartet-agent: QUARTET_AGENT_INTERNAL: reading a header failed: no header\n"]);
});

test("an outage lasts until every signal that failed has succeeded again", () => {
  const { lines, notice } = collect("info");
  let nowMs = 0;
  const outage = createOutage("http://c", { notice, nowMs: () => nowMs });
  outage.failed("spans", "ECONNREFUSED");
  outage.failed("log records", "ECONNREFUSED");
  outage.failed("spans", "ECONNREFUSED");
  expect(lines).toHaveLength(1);
  nowMs = 12_000;
  outage.succeeded("spans");
  outage.succeeded("data points");
  expect(outage.isAway()).toBe(true);
  outage.succeeded("log records");
  expect(outage.isAway()).toBe(false);
  expect(lines.at(-1)).toContain("back after 12 s");
  outage.failed("spans", "ECONNRESET");
  expect(lines).toHaveLength(3);
});
