import { ProtobufWriter } from "./protobuf.ts";

/** Why an item never reached the collector. The `reason` label of `quartet_agent_dropped_total`. */
type DropReason =
  | "queue_full" // the queue's limit in items or bytes; the oldest batch went
  | "too_large" // one item over the limit of a batch
  | "encoding" // an attribute that cannot be written, such as a getter that throws
  | "rejected" // the collector took the request and rejected this many of its items
  | "refused"; // the collector answered with a status that must not be retried

/** Who made the items; names the OTLP scope they travel under. */
export interface Scope {
  readonly name: string;
  readonly version?: string | undefined;
}

interface OutboxLimits {
  readonly itemCountMax: number;
  readonly sizeBytesMax: number;
  readonly batchItemCountMax: number;
  readonly batchSizeBytesMax: number;
}

/** One serialized Export…ServiceRequest. Several may be concatenated: that merges their messages. */
interface Batch {
  readonly body: Buffer;
  readonly itemCount: number;
}

export interface OutboxCounts {
  readonly recorded: number;
  readonly sent: number;
  readonly dropped: ReadonlyMap<DropReason, number>;
  /** Waiting or on the way. At any moment recorded = sent + the sum of dropped + queued. */
  readonly queued: number;
}

/**
 * The bounded queue of one signal: items are encoded as they come and leave in the order they came.
 * Over the limit the oldest batch that is not on the way goes, so that what is left when the collector returns is recent.
 */
export interface Outbox<T> {
  /** Encodes one item of `itemCount` spans, log records or data points. Never throws. */
  append(scope: Scope, item: T, itemCount?: number): void;
  /** Closes the open batch, so that `take` gives it too. */
  seal(): void;
  /** The oldest batches within both limits, at least one; undefined when there are none or some are on the way already. */
  take(limits: { itemCountMax: number; sizeBytesMax: number }): readonly Batch[] | undefined;
  /** Ends what `take` began: they go back to the front of the queue. */
  putBack(): void;
  /** Ends what `take` began: `rejectedCount` of the items were rejected, the others are sent. */
  settleSent(rejectedCount: number): void;
  settleDropped(reason: DropReason): void;
  /** All that is sealed, in order, without those on the way unless asked for: for the moment when the process ends. */
  remaining(options: { withThoseOnTheWay: boolean }): readonly Batch[];
  counts(): OutboxCounts;
}

export interface OutboxSettings<T> {
  readonly limits: OutboxLimits;
  /** A serialized Resource message. */
  readonly resource: Uint8Array;
  /** Writes the whole field 2 of ScopeSpans, ScopeLogs or ScopeMetrics. */
  readonly encode: (writer: ProtobufWriter, item: T) => void;
  /** Called when a batch is full; sending need not wait for the timer. */
  readonly onBatchFull: () => void;
}

/** Consecutive items of one scope. */
interface Run {
  readonly scope: Scope;
  readonly start: number;
  end: number;
}

export function createOutbox<T>({ limits, resource, encode, onBatchFull }: OutboxSettings<T>): Outbox<T> {
  const writer = new ProtobufWriter();
  const scopes = new WeakMap<Scope, Buffer>();
  const dropped = new Map<DropReason, number>();
  let runs: Run[] = [];
  let openCount = 0;
  let sealed: Batch[] = [];
  let sealedCount = 0;
  let sealedSizeBytes = 0;
  let onTheWayCount = 0; // batches at the front of `sealed`
  let recorded = 0;
  let sent = 0;

  const drop = (reason: DropReason, count: number): void => {
    dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  };

  const removeSealed = (index: number, count: number): number => {
    let itemCount = 0;
    for (const batch of sealed.splice(index, count)) {
      itemCount += batch.itemCount;
      sealedSizeBytes -= batch.body.length;
    }
    sealedCount -= itemCount;
    return itemCount;
  };

  const isOver = (): boolean =>
    sealedSizeBytes + writer.position > limits.sizeBytesMax || sealedCount + openCount > limits.itemCountMax;

  const scopeBytes = (scope: Scope): Buffer => {
    let bytes = scopes.get(scope);
    if (bytes === undefined) {
      bytes = encodeScope(scope);
      scopes.set(scope, bytes);
    }
    return bytes;
  };

  const seal = (): void => {
    if (openCount === 0) return;
    const body = encodeRequest({ resource, runs, writer, scopeBytes });
    sealed.push({ body, itemCount: openCount });
    sealedCount += openCount;
    sealedSizeBytes += body.length;
    runs = [];
    openCount = 0;
    writer.reset();
  };

  return {
    append(scope, item, itemCount = 1) {
      recorded += itemCount;
      const start = writer.position;
      try {
        encode(writer, item);
      } catch {
        // An attribute of the service's threw while it was read; the count says so, the service must not notice.
        writer.position = start;
        return drop("encoding", itemCount);
      }
      if (writer.position - start > limits.batchSizeBytesMax) {
        writer.position = start;
        return drop("too_large", itemCount);
      }
      openCount += itemCount;
      while (isOver() && sealed.length > onTheWayCount) drop("queue_full", removeSealed(onTheWayCount, 1));
      if (isOver()) {
        writer.position = start;
        openCount -= itemCount;
        return drop("queue_full", itemCount);
      }
      const run = runs.at(-1);
      if (run?.scope === scope) run.end = writer.position;
      else runs.push({ scope, start, end: writer.position });
      if (openCount < limits.batchItemCountMax && writer.position < limits.batchSizeBytesMax) return;
      seal();
      onBatchFull();
    },
    seal,
    take({ itemCountMax, sizeBytesMax }) {
      if (onTheWayCount > 0 || sealed.length === 0) return undefined;
      let itemCount = 0;
      let sizeBytes = 0;
      for (const batch of sealed) {
        itemCount += batch.itemCount;
        sizeBytes += batch.body.length;
        if (onTheWayCount > 0 && (itemCount > itemCountMax || sizeBytes > sizeBytesMax)) break;
        onTheWayCount += 1;
      }
      return sealed.slice(0, onTheWayCount);
    },
    putBack() {
      onTheWayCount = 0;
    },
    settleSent(rejectedCount) {
      const itemCount = removeSealed(0, onTheWayCount);
      onTheWayCount = 0;
      // A collector that rejects more than it got must not make the sum wrong.
      const rejected = Math.min(Math.max(rejectedCount, 0), itemCount);
      sent += itemCount - rejected;
      if (rejected > 0) drop("rejected", rejected);
    },
    settleDropped(reason) {
      drop(reason, removeSealed(0, onTheWayCount));
      onTheWayCount = 0;
    },
    remaining: ({ withThoseOnTheWay }) => sealed.slice(withThoseOnTheWay ? 0 : onTheWayCount),
    counts: () => ({ recorded, sent, dropped, queued: sealedCount + openCount }),
  };
}

/** Field 1 of ScopeSpans, ScopeLogs and ScopeMetrics. */
function encodeScope({ name, version }: Scope): Buffer {
  const writer = new ProtobufWriter(256);
  const start = writer.open(1);
  writer.string(1, name);
  if (version !== undefined && version !== "") writer.string(2, version);
  writer.close(start);
  return Buffer.from(writer.view(0, writer.position));
}

/** All three Export…ServiceRequests have one shape: field 1 resource_…{ 1 resource, 2 scope_…{ 1 scope, 2 items } }. */
function encodeRequest({
  resource,
  runs,
  writer,
  scopeBytes,
}: {
  resource: Uint8Array;
  runs: readonly Run[];
  writer: ProtobufWriter;
  scopeBytes: (scope: Scope) => Buffer;
}): Buffer {
  const body = new ProtobufWriter(writer.position + resource.length + runs.length * 128 + 64);
  const requestStart = body.open(1);
  body.bytes(1, resource);
  for (const { scope, start, end } of runs) {
    const bytes = scopeBytes(scope);
    const runStart = body.open(2);
    body.raw(bytes);
    body.raw(writer.view(start, end));
    body.close(runStart);
  }
  body.close(requestStart);
  return Buffer.from(body.view(0, body.position));
}
