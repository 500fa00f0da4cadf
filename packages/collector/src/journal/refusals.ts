import { CollectorError, type Stream } from "../model/index.ts";

export function tooLarge(sizeBytes: number, sizeBytesMax: number): CollectorError {
  const message = `a record of ${sizeBytes} bytes is over the journal's limit of ${sizeBytesMax} bytes`;
  return new CollectorError("QUARTET_RECORD_TOO_LARGE", message);
}

export function unavailable(
  stream: Stream,
  { isClosed, retryAfterMs }: { readonly isClosed: boolean; readonly retryAfterMs: number },
): CollectorError {
  const message = `the journal of ${stream} ${isClosed ? "is closed" : "cannot be written"}`;
  return new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", message, { retryAfterMs });
}

export function full(stream: Stream, retryAfterMs: number): CollectorError {
  const message = `the disk budget of stream ${stream} is spent`;
  return new CollectorError("QUARTET_JOURNAL_FULL", message, { retryAfterMs });
}
