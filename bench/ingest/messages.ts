// What the bench and its helper processes say to each other.

/** How the bodies of requests are written. */
export type BodyKind = "protobuf" | "gzip" | "json";

/** To the load generator: so many requests, each connection sending its next one when it has the answer, or a steady pace for a time. */
export interface LoadOrder {
  /** With the path. */
  readonly url: string;
  readonly bodies: BodyKind;
  readonly amount:
    | { readonly kind: "requests"; readonly count: number }
    | { readonly kind: "pace"; readonly spansPerSecond: number; readonly durationMs: number };
}

export interface LoadReport {
  readonly acknowledgedSpans: number;
  /** Answers other than 200. */
  readonly refusedRequests: number;
  readonly elapsedMs: number;
  /** From the moment that a request was due to its answer, sorted; at a steady pace a late one counts from when it should have gone. */
  readonly answerMs: readonly number[];
}

/** From the sink, when asked: what came in so far, by the first segment of the path. */
export type SinkReport = Readonly<Record<string, SinkCount>>;

export interface SinkCount {
  readonly spans: number;
  readonly requests: number;
}
