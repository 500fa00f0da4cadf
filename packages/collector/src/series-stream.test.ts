import { expect, test } from "vitest";
import { createMemoryJournal, type MemoryJournal } from "./journal/index.ts";
import { labelsFromRecord, type Labels, type SeriesWrite } from "./model/index.ts";
import { encodeSeriesBatch } from "./otlp/index.ts";
import { openSeriesStream, type SeriesPlace } from "./series-stream.ts";
import { createHead } from "./store/index.ts";
import { createTelemetry } from "./telemetry/index.ts";

const nowMs = 1_000_000_000;
const clock = { nowMs: () => nowMs, setTimer: () => () => {} };
const everything = { startMs: -Infinity, endMs: Infinity };

async function open({
  journal = createMemoryJournal(clock),
  seriesMax = 100,
  filledTo,
}: { journal?: MemoryJournal; seriesMax?: number; filledTo?: SeriesPlace } = {}) {
  const head = createHead({
    retentionMs: 3_600_000,
    seriesMax,
    arenaBytesMax: 2 ** 20,
    catalogueBytesMax: 2 ** 20,
    clock,
    telemetry: createTelemetry(),
  });
  const writer = journal.openWriter({ stream: "series" });
  const touched: Labels[] = [];
  const stream = await openSeriesStream({
    writer,
    reader: journal.openReader({ stream: "series", consumer: "store" }),
    head,
    ...(filledTo === undefined ? {} : { filledTo }),
    quarantine: { put: (_record, error) => expect.unreachable(String(error)), settled: async () => {} },
    onTouched: (labels) => touched.push(...labels),
  });
  const values = (name: string) =>
    head
      .select([{ name: "__name__", operator: "=", value: name }], everything)
      .flatMap((series) => [...series.values]);
  return { journal, head, writer, stream, touched, values };
}

function write(name: string, samples: readonly (readonly [agoMs: number, value: number])[]): SeriesWrite {
  return {
    labels: labelsFromRecord({ __name__: name }),
    type: "unknown",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: samples.map(([agoMs, value]) => ({ timestampMs: nowMs - agoMs, value })),
    exemplars: [],
  };
}

test("what another program sent is stored and touches rules, but does not move the time of our own samples", async () => {
  const { journal, writer, stream, touched, values } = await open();
  await stream.append([write("ours", [[5_000, 1]])], nowMs);
  const result = await stream.appendReceived(encodeSeriesBatch([write("theirs", [[-60_000, 2]])]), nowMs);
  expect(result).toEqual({ samples: 1, histograms: 0, exemplars: 0, refused: new Map() });
  expect(stream.lastTimestampMs()).toBe(nowMs - 5_000);
  expect(touched.map((labels) => labels[1])).toEqual(["ours", "theirs"]);
  expect(values("theirs")).toEqual([2]);
  // The same after a restart, which has nothing but the stream.
  await writer.close();
  const again = await open({ journal });
  expect(again.stream.lastTimestampMs()).toBe(nowMs - 5_000);
  expect(again.values("theirs")).toEqual([2]);
});

test("what the store would refuse of another program's batch is told and does not get into the stream", async () => {
  const { journal, stream, values } = await open({ seriesMax: 2 });
  await stream.append([write("known", [[0, 1]])], nowMs);
  const batch = [
    write("known", [
      [120_000, 5],
      [0, 1],
    ]),
    write("new", [
      [7_200_000, 1],
      [10, 2],
    ]),
    write("one too many", [
      [20, 1],
      [10, 2],
    ]),
  ];
  const { samples, refused } = await stream.appendReceived(encodeSeriesBatch(batch), nowMs);
  expect(samples).toBe(2);
  expect(Object.fromEntries(refused)).toEqual({ out_of_order: 1, too_old: 1, series_limit: 2 });
  expect(values("new")).toEqual([2]);
  const reader = journal.openReader({ stream: "series", consumer: "test" });
  expect(reader.read({ sizeBytesMax: 1e6 }).map(({ itemCount }) => itemCount)).toEqual([1, 2]);
});

test("a value that differs from the one at its time is refused though nobody could know before", async () => {
  const { stream, values } = await open();
  await stream.appendReceived(encodeSeriesBatch([write("a", [[0, 1]])]), nowMs);
  const { samples, refused } = await stream.appendReceived(encodeSeriesBatch([write("a", [[0, 2]])]), nowMs);
  expect([samples, Object.fromEntries(refused), values("a")]).toEqual([0, { duplicate: 1 }, [1]]);
});

test("a batch of which nothing can be taken leaves the stream alone", async () => {
  const { journal, stream } = await open();
  await stream.appendReceived(encodeSeriesBatch([write("a", [[7_200_000, 1]])]), nowMs);
  const reader = journal.openReader({ stream: "series", consumer: "test" });
  expect(reader.read({ sizeBytesMax: 1e6 })).toEqual([]);
});

test("a head that a snapshot has filled reads only what came later, unless the snapshot is of another journal", async () => {
  const { journal, writer, stream } = await open();
  await stream.append([write("before", [[5_000, 1]])], nowMs);
  const filledTo = stream.place();
  expect(filledTo).toMatchObject({ offset: 1, lastTimestampMs: nowMs - 5_000 });
  await stream.append([write("after", [[9_000, 2]])], nowMs);
  await writer.close();
  const again = await open({ journal, filledTo });
  expect([again.values("before"), again.values("after")]).toEqual([[], [2]]);
  expect(again.stream.lastTimestampMs()).toBe(nowMs - 5_000);
  await again.writer.close();
  const other = await open({ journal, filledTo: { ...filledTo, journalId: "f".repeat(32) } });
  expect([other.values("before"), other.values("after")]).toEqual([[1], [2]]);
});

test("the journal may drop a record when all its samples are settled, not when only the older ones are", async () => {
  const { journal, writer, stream } = await open();
  const minuteMs = 60_000;
  await stream.append([write("old", [[50 * minuteMs, 1]])], nowMs - 50 * minuteMs);
  await stream.append([write("early for its time", [[5 * minuteMs, 2]])], nowMs - 40 * minuteMs);
  await stream.append([write("young", [[minuteMs, 3]])], nowMs - minuteMs);
  stream.settle(nowMs - 30 * minuteMs);
  await writer.close();
  const again = await open({ journal });
  expect(["old", "early for its time", "young"].map(again.values)).toEqual([[], [2], [3]]);
});
