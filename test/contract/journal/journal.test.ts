import { describe } from "vitest";
import {
  createJournalShared,
  createMemoryJournal,
  openStreamReader,
  openStreamWriter,
} from "../../../packages/collector/src/journal/index.ts";
import type { Clock } from "../../../packages/collector/src/model/index.ts";
import { openTempDir } from "../../support/index.ts";
import type { JournalEngine } from "./engine.ts";
import { testRetention } from "./retention-suite.ts";
import { testJournal } from "./suite.ts";

function testEngine(openEngine: (clock: Clock) => Promise<JournalEngine>): void {
  testJournal(openEngine);
  testRetention(openEngine);
}

describe("segment files", () => {
  testEngine(async (clock) => {
    const folder = await openTempDir("journal");
    const dir = folder.path;
    const shared = createJournalShared();
    return {
      openWriter: ({ recordSizeBytesMax = 100_000, ...options }) =>
        openStreamWriter({ dir, shared, clock, segmentSizeBytesMax: recordSizeBytesMax, ...options }),
      openReader: (options) => openStreamReader({ dir, shared, clock, ...options }),
      [Symbol.asyncDispose]: () => folder.remove(),
    };
  });
});

describe("memory", () => {
  testEngine(async (clock) => {
    const journal = createMemoryJournal(clock);
    return {
      openWriter: async (options) => journal.openWriter(options),
      openReader: (options) => journal.openReader(options),
      [Symbol.asyncDispose]: async () => undefined,
    };
  });
});
