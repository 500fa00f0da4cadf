import type { JournalRecord } from "../model/index.ts";
import type { Outcome } from "./outcome.ts";

/**
 * What is particular to one kind of back end, for one signal: turns records into requests and answers into outcomes.
 * Trying again, halving, pausing, settling and counting are the consumer's, and the same for all kinds.
 */
export interface BackEnd {
  /** Where the data goes, for logs. */
  readonly url: URL;
  /** How many batches may be under way at once; 1, the journal's order, when not given. */
  readonly requestCountMax?: number;
  /**
   * Makes what must be there before the first batch (templates, say). Attempted as a batch is, until it is "accepted";
   * whatever is refused here is for a person to mend, so it pauses. Never rejects.
   */
  prepare?(signal: AbortSignal): Promise<Outcome>;
  /**
   * Encodes a batch once; it is attempted as often as it takes. The records' payloads stay valid until it is settled.
   * When it rejects, the batch is halved until the record that cannot be encoded is found, which becomes a dead letter:
   * a back end that knows which records these are names them in `undecodable` instead.
   */
  encode(records: readonly JournalRecord[]): Promise<Shipment>;
  /** Called when no attempt is under way any more. */
  close(): void;
}

/** One batch, encoded. */
export interface Shipment {
  /** Records that can never be sent and are not in this one; they become dead letters when it is accepted. */
  readonly undecodable?: readonly UndecodableRecord[];
  /**
   * One attempt, which ends when `signal` aborts. After a partial answer the next attempt sends only what is still open, and
   * the last one tells of all of them. Never rejects.
   */
  attempt(signal: AbortSignal): Promise<Outcome>;
}

export interface UndecodableRecord {
  readonly record: JournalRecord;
  readonly message: string;
}
