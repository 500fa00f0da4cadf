import type { IncomingHttpHeaders } from "node:http";
import type { Stream } from "../../model/index.ts";
import type { Refusal } from "../outcome.ts";

/** A protocol that is not OTLP: what it asks of a request, what it makes of the body, how it answers. */
export interface ForeignProtocol {
  /** Its name in the label `protocol`. */
  readonly name: "zipkin" | "loki" | "remote_write";
  readonly signal: Stream;
  /** What the headers say already; undefined when the body is wanted. */
  refuseEarly(headers: IncomingHttpHeaders): Refusal | undefined;
  /** Whether the body is one block of snappy, whatever Content-Encoding says of it. */
  isSnappy(headers: IncomingHttpHeaders): boolean;
  /** Takes the body, decompressed; resolves after what it holds is synced. @throws CollectorError as decoders and the journal throw it. */
  accept(body: Buffer, headers: IncomingHttpHeaders): Promise<ForeignAnswer | Refusal>;
  answerRefusal(refusal: Refusal): ForeignAnswer;
}

export interface ForeignAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds for a Retry-After header, where it makes sense to try again. */
export function retryAfter({ retryAfterMs }: Refusal): Record<string, string> {
  if (retryAfterMs === undefined) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}
