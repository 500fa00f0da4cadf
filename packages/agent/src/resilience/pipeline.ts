import type { ClientRequest } from "node:http";
import { gzipSync } from "node:zlib";
import type { Clock } from "./clock.ts";
import { createDelivery } from "./delivery.ts";
import type { LastWords } from "./last-gasp.ts";
import type { Notice } from "./notice.ts";
import type { Outage } from "./outage.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { ProtobufWriter } from "./protobuf.ts";
import { createSender, type SendTarget } from "./sender.ts";

export interface PipelineSettings<T> {
  /** For messages: "spans". */
  readonly signal: string;
  readonly target: SendTarget;
  readonly queue: {
    readonly scheduleDelayMs: number;
    readonly itemCountMax: number;
    readonly sizeBytesMax: number;
    readonly batchItemCountMax: number;
  };
  /** A serialized Resource message. */
  readonly resource: Uint8Array;
  /** Writes the whole field 2 of ScopeSpans, ScopeLogs or ScopeMetrics. */
  readonly encode: (writer: ProtobufWriter, item: T) => void;
  readonly outage: Outage;
  readonly notice: Notice;
  readonly clock: Clock;
  readonly random: () => number;
  readonly detach: (callback: () => void) => void;
}

/** One signal from the moment it is recorded until the collector has acknowledged it. */
export interface Pipeline<T> {
  readonly outbox: Outbox<T>;
  start(): void;
  /** See Delivery. */
  flushSoon(): void;
  sendSealed(): void;
  flush(deadlineMs: number): Promise<void>;
  isOwn(request: ClientRequest): boolean;
  stop(): void;
  /** Stops, and gives what is still to be sent before the process ends. */
  lastWords(): LastWords;
}

/** A request bigger than this would keep others waiting behind it. */
const batchSizeBytesMax = 512 * 1024;

export function createPipeline<T>(settings: PipelineSettings<T>): Pipeline<T> {
  const { target, queue, clock } = settings;
  const sender = createSender(target, clock);
  const outbox = createOutbox<T>({
    limits: { ...queue, batchSizeBytesMax: Math.min(batchSizeBytesMax, queue.sizeBytesMax) },
    resource: settings.resource,
    encode: settings.encode,
    onBatchFull: () => delivery.sendSealed(),
  });
  const delivery = createDelivery({
    ...settings,
    outbox,
    send: (body) => sender.send(body),
    scheduleDelayMs: queue.scheduleDelayMs,
  });

  return {
    outbox,
    start: () => delivery.start(),
    flushSoon: () => delivery.flushSoon(),
    sendSealed: () => delivery.sendSealed(),
    flush: (deadlineMs) => delivery.flush(deadlineMs),
    isOwn: (request) => sender.isOwn(request),
    stop() {
      delivery.stop();
      sender.close();
    },
    lastWords() {
      delivery.stop();
      outbox.seal();
      // A request that the kernel has got whole arrives even if nobody waits for its answer: sent again it would count twice.
      const batches = outbox.remaining({ withThoseOnTheWay: !sender.isWritten() });
      const bodies = batches.map(({ body }) => (target.compression === "gzip" ? gzipSync(body) : body));
      return { url: target.url.href, headers: sender.headers, tls: target.tls, bodies };
    },
  };
}
