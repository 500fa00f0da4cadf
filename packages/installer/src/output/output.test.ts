import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";
import { formatTable } from "./table.ts";

function record(isTty: boolean, use: (progress: ReturnType<typeof createProgress>) => void): string {
  const stream = Object.assign(new PassThrough(), { columns: 24 });
  use(createProgress({ stream, isTty }));
  return String(stream.read() ?? "");
}

test("a table is as wide as its widest cells and has no trailing spaces", () => {
  expect(
    formatTable(
      ["A", "LONG"],
      [
        ["aaa", "b"],
        ["c", ""],
      ],
    ),
  ).toBe("A    LONG\naaa  b\nc\n");
});

test("off a terminal a status is a line, once as long as it stays the same", () => {
  const text = record(false, (progress) => {
    progress.status("waiting 1");
    progress.status("waiting 1");
    progress.line("done");
    progress.status("waiting 2");
    progress.end();
  });
  expect(text).toBe("waiting 1\ndone\nwaiting 2\n");
});

test("on a terminal a status is written over and never wraps", () => {
  const text = record(true, (progress) => {
    progress.status("waiting for something very long");
    progress.line("done");
    progress.status("more");
    progress.end();
  });
  expect(text).toBe("waiting for something v\r\u001b[Kdone\nmore\r\u001b[K");
});
