import type {
  BackEnd,
  Compression,
  TransportSettings,
} from "../../../packages/collector/src/export/index.ts";
import type { Clock, ExporterType, Signal } from "../../../packages/collector/src/model/index.ts";

/** What the back end does with a request, in words that every protocol has. */
export type KindAnswer =
  | { readonly kind: "accept" }
  /** Come back later, perhaps after so many seconds. */
  | { readonly kind: "busy"; readonly retryAfterSeconds?: number }
  | { readonly kind: "refuse"; readonly message: string }
  | { readonly kind: "too_large" }
  | { readonly kind: "unauthorized" | "forbidden" | "not_found" }
  /** An error in the protocol's way, or of something in between, with a page behind it. */
  | { readonly kind: "error_page"; readonly sizeBytes: number }
  /** A success whose body is none of the protocol. */
  | { readonly kind: "accept_garbage" }
  | { readonly kind: "hang_up" }
  | { readonly kind: "silence" };

/** A server on loopback that speaks one protocol. */
export interface KindBackend extends AsyncDisposable {
  readonly endpoint: string;
  /** Ids of the records in each request, as far as they arrived whole; in the order of arrival. */
  readonly received: readonly (readonly string[])[];
  answer: (ids: readonly string[]) => KindAnswer;
}

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Asks for a certificate of this authority. */
  readonly clientCa?: string;
}

/** One type of exporter with what the shared suite needs to put it through its paces. */
export interface ExporterKind {
  readonly type: ExporterType;
  readonly signal: Signal;
  readonly compressions: readonly Compression[];
  /** Whether a success whose body is none of the protocol is sent again, as a repetition does no harm. */
  readonly isUnreadableSuccessRepeated?: boolean;
  startBackend(options?: { readonly tls?: ServerTls }): Promise<KindBackend>;
  /** Makes what the exporter is made of. */
  open(settings: {
    readonly endpoint: string;
    readonly way: TransportSettings;
    readonly compression: Compression;
    readonly clock: Clock;
  }): { readonly createBackEnd: (signal: Signal) => BackEnd; close(): void };
  /** A record as it lies in the journal, with `itemCount` items that carry the id. */
  encodeRecord(id: string, itemCount: number): Uint8Array;
}
