import type { PauseReason } from "../outcome.ts";
import type { ExportResponse } from "../transport.ts";

/** What the server says of one document. */
export type ItemAnswer =
  | { readonly kind: "created"; readonly index: string | undefined; readonly isInFailureStore: boolean }
  /** It has a document of this id already: an earlier attempt came through. */
  | { readonly kind: "known" }
  /** It is busy, or a part of it is away. */
  | { readonly kind: "again"; readonly message: string }
  /** Somebody has to mend something; the document is not to blame. */
  | { readonly kind: "paused"; readonly reason: PauseReason; readonly message: string }
  /** It will never take this document. */
  | { readonly kind: "refused"; readonly message: string };

export type BulkAnswer =
  /** Nothing went wrong, and nothing more was looked at. */
  | { readonly kind: "all_created" }
  /** One for each document, in their order. */
  | { readonly kind: "items"; readonly items: readonly ItemAnswer[] }
  | { readonly kind: "unreadable"; readonly message: string };

/** Keeps an answer to what is read: some 30 bytes a document instead of 200. */
export function answerFilter({ withIndex }: { readonly withIndex: boolean }): string {
  const fields = ["status", "error.type", "error.reason", "failure_store", ...(withIndex ? ["_index"] : [])];
  return ["error", "status", "errors", ...fields.map((field) => `items.*.${field}`)].join(",");
}

const messageLengthMax = 300;

/**
 * Reads the answer (2xx) to a bulk request of so many documents. Most say that all is well in their first bytes; when not
 * even the name of an index is wanted, the rest is then only searched for a word.
 */
export function parseBulkAnswer(
  { body, isCut }: Pick<ExportResponse, "body" | "isCut">,
  wanted: { readonly itemCount: number; readonly withIndex: boolean },
): BulkAnswer {
  const isClean = /^\s*\{(?:"took":\d+,)?"errors":false[,}]/.test(body.toString("latin1", 0, 64));
  if (isClean && !wanted.withIndex && !body.includes('"failure_store"')) return { kind: "all_created" };
  const answer = parseItems({ body, isCut }, wanted.itemCount);
  // What it said first holds whatever comes behind it.
  return isClean && answer.kind === "unreadable" ? { kind: "all_created" } : answer;
}

function parseItems({ body, isCut }: Pick<ExportResponse, "body" | "isCut">, itemCount: number): BulkAnswer {
  if (isCut) return { kind: "unreadable", message: "the answer is longer than it may be" };
  let answer: { readonly items?: unknown } | null;
  try {
    answer = JSON.parse(body.toString()) as typeof answer;
  } catch {
    // Whatever it is, it is no bulk answer: a proxy's page, say. Its beginning tells people more than where JSON breaks.
    return { kind: "unreadable", message: `no bulk answer: ${body.toString("utf8", 0, messageLengthMax)}` };
  }
  const items = answer?.items;
  if (!Array.isArray(items) || items.length !== itemCount) {
    const found = Array.isArray(items) ? `${items.length} documents` : "none";
    return { kind: "unreadable", message: `an answer for ${found} instead of ${itemCount}` };
  }
  return { kind: "items", items: items.map(parseItem) };
}

interface RawItem {
  readonly status?: number;
  readonly _index?: string;
  readonly failure_store?: string;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

function parseItem(item: unknown): ItemAnswer {
  const [raw = {}] = Object.values((item ?? {}) as Record<string, RawItem>);
  const { status = 0, error = {} } = raw;
  if (status >= 200 && status < 300)
    return { kind: "created", index: raw._index, isInFailureStore: raw.failure_store === "used" };
  const { type = "", reason = "" } = error;
  const message = `${status} ${type}: ${reason}`.slice(0, messageLengthMax);
  switch (status) {
    case 409:
      return { kind: "known" };
    case 429:
      return { kind: "again", message };
    case 401:
      return { kind: "paused", reason: "unauthorized", message };
    case 403:
      // An index that was made read-only is answered so as well.
      return {
        kind: "paused",
        reason: type === "cluster_block_exception" ? "unexpected_status" : "unauthorized",
        message,
      };
    case 404:
      return { kind: "paused", reason: "not_found", message };
    default:
      if (status < 400 || status >= 500) return { kind: "again", message };
      return isServersFault(type, reason)
        ? { kind: "paused", reason: "unexpected_status", message }
        : { kind: "refused", message };
  }
}

/**
 * Answers of status 400 that would be the same for any document: no shard may be added, the index is closed or its name not
 * allowed, an ingest pipeline is missing. Keeping documents as dead letters for that would throw the whole stream there.
 */
function isServersFault(type: string, reason: string): boolean {
  return (
    /^(validation_exception|index_closed_exception|invalid_index_name_exception)$/.test(type) ||
    /^pipeline with id \[.*\] does not exist/.test(reason)
  );
}
