import { describe, expect, test } from "vitest";
import type { Compression, TransportSettings } from "../../../packages/collector/src/export/index.ts";
import { streamOfSignal } from "../../../packages/collector/src/model/index.ts";
import { until } from "../../support/index.ts";
import {
  commitIntervalMs,
  deadLettersOf,
  isRetryDelay,
  openBench,
  soon,
  untilDelay,
  untilSettled,
  wayOf,
  type Bench,
  type BenchOptions,
} from "./harness.ts";
import type { ExporterKind, KindAnswer, KindBackend } from "./kind.ts";
import { startRelay } from "./relay.ts";

export interface KindHarness extends Bench {
  readonly backend: KindBackend;
  append(id: string, itemCount?: number): Promise<void>;
}

export interface KindHarnessOptions extends BenchOptions {
  readonly backend?: KindBackend;
  readonly endpoint?: string;
  readonly compression?: Compression;
  readonly way?: Partial<TransportSettings>;
}

/** An exporter of this kind before a back end on loopback. */
export async function openKind(kind: ExporterKind, options: KindHarnessOptions = {}): Promise<KindHarness> {
  const { backend = await kind.startBackend(), compression = "none", way } = options;
  const { type, signal } = kind;
  const bench = openBench({
    ...options,
    signal,
    stream: streamOfSignal(type, signal),
    open: (clock) =>
      kind.open({ endpoint: options.endpoint ?? backend.endpoint, way: wayOf(way), compression, clock }),
  });
  return {
    ...bench,
    // A copy would stand still.
    get committedOffset() {
      return bench.committedOffset;
    },
    backend,
    append: (id, itemCount = 1) => bench.appendBytes(kind.encodeRecord(id, itemCount), itemCount),
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

const untilReceived = (backend: KindBackend, count: number): Promise<unknown> =>
  until(() => backend.received.length >= count, { ...soon, what: `${count} requests` });

/** Lets the exporter try again at once whenever it waits to, until `isDone`. */
const untilDone = (harness: KindHarness, isDone: () => boolean | Promise<boolean>): Promise<unknown> =>
  until(
    () => {
      harness.clock.advance(harness.clock.delaysMs.find(isRetryDelay) ?? commitIntervalMs);
      return isDone();
    },
    { ...soon, what: "all to be settled" },
  );

/** What every exporter does, whatever the protocol. */
export function describeExporter(kind: ExporterKind): void {
  describe(`an exporter of type ${kind.type}`, () => {
    test("sends what waits in order, and commits when it was accepted", async () => {
      await using harness = await openKind(kind);
      for (const id of ["one", "two", "three"]) await harness.append(id, 2);
      harness.exporter.start();
      await untilSettled(harness, 3);
      await harness.append("four", 2);
      await untilSettled(harness, 4);
      expect(harness.backend.received.flat()).toEqual(["one", "two", "three", "four"]);
      expect(await harness.metric("quartet_export_sent_items_total")).toBe(8);
      expect(await harness.metric("quartet_export_queued_items")).toBe(0);
    });

    test.each(kind.compressions)("sends with compression %s", async (compression) => {
      await using harness = await openKind(kind, { compression });
      await harness.append("x".repeat(10_000));
      harness.exporter.start();
      await untilSettled(harness, 1);
      expect(harness.backend.received).toEqual([["x".repeat(10_000)]]);
    });

    test("waits as long as a busy back end asks for", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = () => ({ kind: "busy", retryAfterSeconds: 17 });
      await harness.append("a");
      harness.exporter.start();
      expect(await untilDelay(harness)).toBe(17_000);
      harness.backend.answer = () => ({ kind: "accept" });
      harness.clock.advance(17_000);
      await untilSettled(harness, 1);
      expect(harness.backend.received).toEqual([["a"], ["a"]]);
    });

    test("without such a wish the waits double up to 15 s and never end", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = () => ({ kind: "busy" });
      await harness.append("a", 3);
      harness.exporter.start();
      for (const expectedMs of [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
        expect(await untilDelay(harness)).toBe(expectedMs);
        harness.clock.advance(expectedMs);
      }
      expect(await harness.metric("quartet_export_queued_items")).toBe(3);
    });

    test.each<KindAnswer>([{ kind: "hang_up" }, { kind: "error_page", sizeBytes: 5_000_000 }])(
      "after %o the same is sent again",
      async (answer) => {
        await using harness = await openKind(kind);
        const answers = [answer, answer];
        harness.backend.answer = () => answers.shift() ?? { kind: "accept" };
        for (const id of ["a", "b"]) await harness.append(id);
        harness.exporter.start();
        await untilDelay(harness);
        const message = expect.stringMatching(/^.{1,400}$/) as unknown;
        expect(harness.exporter.status()).toMatchObject([{ state: { kind: "retrying", message } }]);
        await untilDone(harness, () => harness.committedOffset === 2);
        expect(harness.backend.received.slice(-1)).toEqual([["a", "b"]]);
        expect(await harness.metric("quartet_export_requests_total", { outcome: "retryable" })).toBe(2);
      },
    );

    test("a success that cannot be read is settled in one way or the other, and loses nothing", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = () => ({ kind: "accept_garbage" });
      await harness.append("a");
      harness.exporter.start();
      if (kind.isUnreadableSuccessRepeated === true) {
        const delayMs = await untilDelay(harness);
        harness.backend.answer = () => ({ kind: "accept" });
        harness.clock.advance(delayMs);
      }
      await untilSettled(harness, 1);
      expect(await harness.metric("quartet_export_sent_items_total")).toBe(1);
    });

    test("a back end that is not there is tried until it is", async () => {
      const away = await kind.startBackend();
      await away[Symbol.asyncDispose]();
      await using harness = await openKind(kind, { endpoint: away.endpoint });
      await harness.append("a");
      harness.exporter.start();
      expect(await untilDelay(harness)).toBe(250);
      const message = expect.stringContaining("ECONNREFUSED") as unknown;
      expect(harness.exporter.status()).toMatchObject([{ state: { kind: "retrying", message } }]);
    });

    test("a request without an answer is given up after the timeout and sent again", async () => {
      await using harness = await openKind(kind);
      const answers: KindAnswer[] = [{ kind: "silence" }];
      harness.backend.answer = () => answers.shift() ?? { kind: "accept" };
      await harness.append("a");
      harness.exporter.start();
      await untilReceived(harness.backend, 1);
      harness.clock.advance(7_000);
      harness.clock.advance(await untilDelay(harness));
      await untilSettled(harness, 1);
      expect(harness.backend.received).toEqual([["a"], ["a"]]);
    });

    test("a connection whose other end is gone without a word is left for another one", async () => {
      await using backend = await kind.startBackend();
      await using relay = await startRelay(backend.endpoint);
      await using harness = await openKind(kind, { backend, endpoint: relay.endpoint });
      await harness.append("a");
      harness.exporter.start();
      await untilSettled(harness, 1);
      relay.freeze();
      await harness.append("b");
      await until(() => relay.frozenSizeBytes > 0, { ...soon, what: "the request to get lost" });
      harness.clock.advance(7_000);
      harness.clock.advance(await untilDelay(harness));
      await untilSettled(harness, 2);
      expect(backend.received).toEqual([["a"], ["b"]]);
      expect(relay.connectionCount).toBe(2);
    });

    test("a connection that breaks in the middle of an answer costs a repetition, nothing else", async () => {
      await using backend = await kind.startBackend();
      await using relay = await startRelay(backend.endpoint);
      await using harness = await openKind(kind, { backend, endpoint: relay.endpoint });
      backend.answer = () => ({ kind: "error_page", sizeBytes: 200_000 });
      relay.resetAfterBytes = 100_000;
      await harness.append("a");
      harness.exporter.start();
      await untilDelay(harness);
      relay.resetAfterBytes = Infinity;
      backend.answer = () => ({ kind: "accept" });
      await untilDone(harness, () => harness.committedOffset === 1);
      expect(backend.received.at(-1)).toEqual(["a"]);
    });

    test.each([
      ["unauthorized", "unauthorized"],
      ["forbidden", "unauthorized"],
      ["not_found", "not_found"],
    ] as const)("%s pauses the consumer until somebody has mended it", async (answer, reason) => {
      await using harness = await openKind(kind);
      harness.backend.answer = () => ({ kind: answer });
      await harness.append("a", 3);
      harness.exporter.start();
      expect(await untilDelay(harness)).toBe(15_000);
      expect(await harness.metric("quartet_export_paused", { reason })).toBe(1);
      expect(await harness.metric("quartet_export_queued_items")).toBe(3);
      harness.backend.answer = () => ({ kind: "accept" });
      harness.clock.advance(15_000);
      await untilSettled(harness, 1);
      expect(await harness.metric("quartet_export_paused")).toBe(0);
    });

    test("the one record among 64 that is refused becomes a dead letter within 2 log2 n requests", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = (ids) =>
        ids.includes("bad") ? { kind: "refuse", message: "span without id" } : { kind: "accept" };
      const ids = Array.from({ length: 64 }, (_, index) => (index === 37 ? "bad" : `${index}`));
      for (const id of ids) await harness.append(id, 2);
      harness.exporter.start();
      await untilSettled(harness, 64);
      const accepted = harness.backend.received.filter((one) => !one.includes("bad")).flat();
      expect(accepted).toEqual(ids.filter((id) => id !== "bad"));
      expect(harness.backend.received.length).toBeLessThanOrEqual(2 * 6 + 1);
      expect(deadLettersOf(harness)).toMatchObject([
        {
          note: {
            reason: "refused",
            offset: 37,
            message: expect.stringContaining("span without id") as unknown,
          },
          itemCount: 2,
        },
      ]);
      expect(await harness.metric("quartet_export_sent_items_total")).toBe(126);
    });

    test("what is too large is halved, and one record that is too large alone becomes a dead letter", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = (ids) =>
        ids.length > 3 || ids.includes("huge") ? { kind: "too_large" } : { kind: "accept" };
      const ids = ["0", "1", "huge", "3", "4", "5", "6", "7"];
      for (const id of ids) await harness.append(id);
      harness.exporter.start();
      await untilSettled(harness, 8);
      const accepted = harness.backend.received.filter((one) => one.length <= 3 && !one.includes("huge"));
      expect(accepted.flat()).toEqual(ids.filter((id) => id !== "huge"));
      expect(deadLettersOf(harness)).toMatchObject([{ note: { reason: "too_large", offset: 2 } }]);
    });

    test("stop ends the request under way at its deadline, and what was not accepted stays", async () => {
      await using harness = await openKind(kind);
      harness.backend.answer = () => ({ kind: "silence" });
      await harness.append("a");
      harness.exporter.start();
      await untilReceived(harness.backend, 1);
      const stopped = harness.exporter.stop({ deadlineMs: 3_000 });
      await until(() => harness.clock.delaysMs.includes(3_000), { ...soon, what: "the deadline" });
      harness.clock.advance(3_000);
      await stopped;
      expect(harness.committedOffset).toBe(0);
    });

    test("recovered + appended = sent + rejected + dead letters + dropped + queued, at every moment", async () => {
      await using harness = await openKind(kind, { sizeBytesMax: 60_000, batchSizeBytesMax: 8_000 });
      let appended = 0;
      const appendOne = async (index: number): Promise<void> => {
        const items = 1 + (index % 7);
        appended += items;
        await harness.append(`${index}${index % 11 === 0 ? "bad" : ""}${"x".repeat(200)}`, items);
      };
      for (let index = 0; index < 5; index += 1) await appendOne(index);
      let attempt = 0;
      harness.backend.answer = (ids): KindAnswer => {
        attempt += 1;
        if (attempt % 5 === 0) return { kind: "busy" };
        if (attempt % 7 === 0) return { kind: "hang_up" };
        return ids.some((id) => id.includes("bad")) ? { kind: "refuse", message: "" } : { kind: "accept" };
      };
      harness.exporter.start();
      const recovered = await harness.metric("quartet_export_recovered_items_total");
      expect(recovered).toBe(appended);
      const sum = async (): Promise<number> => {
        const parts = ["sent", "rejected", "dead_letter", "dropped"].map((part) =>
          harness.metric(`quartet_export_${part}_items_total`),
        );
        const queued = harness.metric("quartet_export_queued_items");
        return (await Promise.all([...parts, queued])).reduce((total, value) => total + value, 0);
      };
      for (let index = 5; index < 200; index += 1) {
        await appendOne(index);
        harness.clock.advance(harness.clock.delaysMs.find(isRetryDelay) ?? 0);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await untilDone(
        harness,
        async () =>
          harness.reader.lag().records === 0 && (await harness.metric("quartet_export_queued_items")) === 0,
      );
      expect(await sum()).toBe(appended);
      expect(await harness.metric("quartet_export_dead_letter_items_total")).toBeGreaterThan(0);
    });
  });
}
