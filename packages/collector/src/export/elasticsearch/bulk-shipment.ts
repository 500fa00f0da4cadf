import { WireCursor } from "../../otlp/index.ts";
import type { Clock } from "../../model/index.ts";
import type { Shipment, UndecodableRecord } from "../back-end.ts";
import { compressBody, type Compression } from "../compress.ts";
import { outcomeOfError, outcomeOfFailure, type ItemDeadLetter, type Outcome } from "../outcome.ts";
import type { Transport } from "../transport.ts";
import { answerFilter, parseBulkAnswer, type BulkAnswer, type ItemAnswer } from "./answer.ts";
import type { Bulk, BulkItem } from "./bulk.ts";
import type { BulkMetrics } from "./metrics.ts";
import { encodeSingleItem } from "./single-item.ts";

/** What all shipments to a server share. */
export interface BulkServer {
  readonly url: URL;
  readonly compression: Exclude<Compression, "zstd">;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly metrics: BulkMetrics;
  readonly labels: { readonly exporter: string; readonly signal: string };
  /** Before compression; halved whenever the server finds it too large. */
  requestSizeBytesMax: number;
  /** The index that was written to last, by data stream. */
  readonly writeIndexes: Map<string, { readonly index: string; readonly seenAtMs: number }>;
}

/** How long the name of a write index is taken for granted. */
const writeIndexAgeMsMax = 60_000;
/** Data streams that are remembered; more are made up. */
const writeIndexCountMax = 1_000;

/** Room for the answer to 100,000 documents, each refused with a long reason. */
const responseSizeBytesMax = 64 * 1024 * 1024;

/** One batch on its way: what is settled is not sent again. */
export class BulkShipment implements Shipment {
  readonly undecodable: readonly UndecodableRecord[];
  readonly #server: BulkServer;
  readonly #bytes: Buffer;
  #open: readonly BulkItem[];
  readonly #deadLetters: ItemDeadLetter[] = [];
  /** Set when an attempt ended without an answer, so that nobody knows what came through: the write indexes then, by data stream. */
  #indexesBefore: ReadonlyMap<string, string> | undefined;

  constructor(server: BulkServer, { bytes, items, undecodable }: Bulk) {
    this.#server = server;
    this.#bytes = bytes;
    this.#open = items;
    this.undecodable = undecodable;
  }

  async attempt(signal: AbortSignal): Promise<Outcome> {
    while (this.#open.length > 0) {
      const outcome = await this.#sendNext(signal);
      if (outcome !== undefined) return outcome;
    }
    return { kind: "accepted", rejectedCount: 0, message: "", deadLetters: this.#deadLetters };
  }

  /** Sends as much of what is open as one request takes; an outcome means that the attempt is over. */
  async #sendNext(signal: AbortSignal): Promise<Outcome | undefined> {
    const { transport, compression, clock, writeIndexes } = this.#server;
    const items = this.#takeItems();
    const freshMs = clock.nowMs() - writeIndexAgeMsMax;
    const withIndex =
      this.#indexesBefore !== undefined ||
      items.some(({ target }) => (writeIndexes.get(target.index)?.seenAtMs ?? 0) < freshMs);
    const url = new URL(this.#server.url);
    url.searchParams.set("filter_path", answerFilter({ withIndex }));
    const headers = {
      "content-type": "application/x-ndjson",
      accept: "application/json",
      ...(compression === "none" ? {} : { "content-encoding": compression }),
    };
    try {
      const body = await compressBody(this.#piecesOf(items), compression);
      const response = await transport.send({
        method: "POST",
        url,
        headers,
        body,
        signal,
        responseSizeBytesMax,
      });
      if (response.statusCode === 413) return this.#shrink(items);
      if (response.statusCode < 200 || response.statusCode >= 300) {
        // A gateway's answer does not say what became of the request behind it.
        if (response.statusCode >= 500) this.#becomeUnclear();
        return outcomeOfFailure(response, clock.nowMs());
      }
      return this.#settle(items, parseBulkAnswer(response, { itemCount: items.length, withIndex }));
    } catch (error) {
      this.#becomeUnclear();
      return outcomeOfError(error);
    }
  }

  #becomeUnclear(): void {
    const known = [...this.#server.writeIndexes].map(([stream, { index }]) => [stream, index] as const);
    this.#indexesBefore ??= new Map(known);
  }

  #takeItems(): readonly BulkItem[] {
    let sizeBytes = 0;
    let count = 0;
    for (const { start, end } of this.#open) {
      sizeBytes += end - start;
      if (count > 0 && sizeBytes > this.#server.requestSizeBytesMax) break;
      count += 1;
    }
    return this.#open.slice(0, count);
  }

  /** The lines of documents; those of neighbours are one piece. */
  #piecesOf(items: readonly BulkItem[]): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let [start, end] = [0, 0];
    for (const item of items) {
      if (item.start !== end) {
        if (end > start) pieces.push(this.#bytes.subarray(start, end));
        start = item.start;
      }
      end = item.end;
    }
    pieces.push(this.#bytes.subarray(start, end));
    return pieces;
  }

  /** Too large (413): half as much next time, at once; a document that is too large alone will never be taken. */
  #shrink(items: readonly BulkItem[]): undefined {
    const [first] = items;
    if (items.length === 1 && first !== undefined) {
      this.#refuse(first, "413 the document is larger than the server takes", "too_large");
      this.#open = this.#open.slice(1);
    } else {
      const sizeBytes = items.reduce((sum, { start, end }) => sum + end - start, 0);
      this.#server.requestSizeBytesMax = Math.max(1, sizeBytes >> 1);
    }
    return undefined;
  }

  #settle(items: readonly BulkItem[], answer: BulkAnswer): Outcome | undefined {
    switch (answer.kind) {
      case "all_created":
        this.#open = this.#open.slice(items.length);
        return undefined;
      case "unreadable":
        // The ids make a repetition harmless, and taking it for a success would lose what a proxy swallowed.
        this.#becomeUnclear();
        return { kind: "retryable", message: answer.message, retryAfterMs: undefined };
      case "items": {
        const still: BulkItem[] = [];
        let outcome: Outcome | undefined;
        for (const [place, item] of items.entries()) {
          const open = this.#settleItem(item, answer.items[place]!);
          if (open === undefined) continue;
          still.push(item);
          // What a person must mend outweighs what passes.
          if (outcome === undefined || open.kind === "paused") outcome = open;
        }
        this.#open = [...still, ...this.#open.slice(items.length)];
        return outcome;
      }
    }
  }

  /** An outcome when the document has to be sent again. */
  #settleItem(item: BulkItem, answer: ItemAnswer): Outcome | undefined {
    const { metrics, labels, writeIndexes, clock } = this.#server;
    switch (answer.kind) {
      case "created": {
        if (answer.isInFailureStore) metrics.failureStoreItems.add(labels, 1);
        if (answer.index === undefined || answer.isInFailureStore) return undefined;
        // Ids are known only within one index: what an attempt without an answer left in the one before is not seen here.
        const before = this.#indexesBefore?.get(item.target.index);
        if (before !== undefined && before !== answer.index) metrics.possibleDuplicateItems.add(labels, 1);
        if (writeIndexes.size >= writeIndexCountMax) writeIndexes.clear();
        writeIndexes.set(item.target.index, { index: answer.index, seenAtMs: clock.nowMs() });
        return undefined;
      }
      case "known":
        metrics.repeatedItems.add(labels, 1);
        return undefined;
      case "refused":
        this.#refuse(item, answer.message);
        return undefined;
      case "again":
        return { kind: "retryable", message: answer.message, retryAfterMs: undefined };
      case "paused":
        return { ...answer, retryAfterMs: undefined };
    }
  }

  #refuse(
    { record, index, source }: BulkItem,
    message: string,
    reason: "refused" | "too_large" = "refused",
  ): void {
    const payload = encodeSingleItem(new WireCursor(record.payload), source);
    this.#deadLetters.push({ record, index, payload, reason, message });
  }
}
