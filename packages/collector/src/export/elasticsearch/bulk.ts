import type { JournalRecord, Signal } from "../../model/index.ts";
import { openDocument, visitItems, type Item } from "./document-encoder.ts";
import { JsonWriter } from "./json-writer.ts";
import { LogDocument, logAttributes } from "./log-document.ts";
import { TargetFinder, type Destination, type Target } from "./target.ts";

/** One document: an action line and the document's line, both with their line ends. */
export interface BulkItem {
  readonly record: JournalRecord;
  /** Its place among the record's items, from 0. */
  readonly index: number;
  /** Where it lies in the record's payload. */
  readonly source: Item;
  readonly target: Target;
  readonly start: number;
  /** Where the document itself begins. */
  readonly documentStart: number;
  readonly end: number;
}

/** A batch as lines of newline-delimited JSON, for `POST /INDEX/_bulk`. */
export interface Bulk {
  readonly bytes: Buffer;
  readonly items: readonly BulkItem[];
  /** Records that do not decode; nothing of them is in here. */
  readonly undecodable: readonly { readonly record: JournalRecord; readonly message: string }[];
}

export interface BulkSettings {
  readonly signal: Exclude<Signal, "metrics">;
  readonly destination: Destination;
  /** Whether `data_stream.*` attributes are heeded. */
  readonly isRouted: boolean;
}

export type BulkEncoder = (records: readonly JournalRecord[], journalId: string) => Bulk;

const newline = 0x0a;
const closeAction = Buffer.from('"}}\n');
/** A document grows over its protobuf by names, quotes and what records share. */
const documentOverheadSizeBytes = 640;

/**
 * Turns records into bulk requests of `create` operations. The id of a document is made of the journal's id, its record's shard and
 * offset, and its place in there: a repetition has the same one, and the server then answers 409 instead of keeping it twice.
 */
export function createBulkEncoder({ destination, isRouted }: BulkSettings): BulkEncoder {
  const finder = new TargetFinder(destination);
  const document = new LogDocument();
  return (records, journalId) => {
    const sizeBytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
    const itemCount = records.reduce((sum, record) => sum + record.itemCount, 0);
    const json = new JsonWriter(sizeBytes + itemCount * documentOverheadSizeBytes);
    const items: BulkItem[] = [];
    const undecodable: { record: JournalRecord; message: string }[] = [];
    for (const record of records) {
      const { position, payload, receivedAtMs } = record;
      const parts = openDocument(payload, json, receivedAtMs);
      const mayRoute = isRouted && finder.mayRoute(payload);
      const id = `${journalId}.${position.shard}.${position.offset}.`;
      const openAction = (target: Target): Buffer =>
        Buffer.from(
          target === finder.usual
            ? `{"create":{"_id":"${id}`
            : `{"create":{"_index":${JSON.stringify(target.index)},"_id":"${id}`,
        );
      const usualAction = openAction(finder.usual);
      const [lengthBefore, itemCountBefore] = [json.length, items.length];
      let index = 0;
      try {
        visitItems(parts, (item, surroundings) => {
          const target = mayRoute ? finder.find(parts.cursor, item, logAttributes) : finder.usual;
          const start = json.length;
          json.raw(target === finder.usual ? usualAction : openAction(target));
          json.natural(index);
          json.raw(closeAction);
          const documentStart = json.length;
          document.write(parts, item, [target.fields, surroundings]);
          json.byte(newline);
          items.push({ record, index, source: item, target, start, documentStart, end: json.length });
          index += 1;
        });
      } catch (error) {
        json.length = lengthBefore;
        items.length = itemCountBefore;
        undecodable.push({ record, message: (error as Error).message });
      }
    }
    return { bytes: json.bytes.subarray(0, json.length), items, undecodable };
  };
}
