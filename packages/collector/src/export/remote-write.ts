import type { Clock, JournalRecord, Labels, MetricMetadata } from "../model/index.ts";
import { compressSnappy, encodeMetadataV1, encodeWriteRequestV1, mergeSeriesBatches } from "../otlp/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { BackEnd } from "./back-end.ts";
import { outcomeOfError, type Outcome } from "./outcome.ts";
import { answerToV1, answerToV2, type NotSpoken } from "./remote-write-answer.ts";
import { createRecordParts, type RecordParts, type SeriesPart } from "./remote-write-parts.ts";
import type { ExportResponse, Transport } from "./transport.ts";

export interface RemoteWriteSettings {
  readonly url: URL;
  /** Added to every series that has no label of that name; sorted by name. */
  readonly externalLabels: Labels;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** A receiver that spoke only 1.0 is asked again after so long: it may have been upgraded. */
const probeAfterMs = 600_000;
/** 1.0 says metadata apart; Prometheus' own interval. */
const metadataIntervalMs = 60_000;
const familiesMax = 10_000;
/** A refusal has one line a sample. */
const answerSizeBytesMax = 1024 * 1024;

const headersV2 = {
  "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "2.0.0",
};
const headersV1 = {
  "content-type": "application/x-protobuf",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "0.1.0",
};

/**
 * Prometheus remote write from the `series` stream: 2.0, whose requests the records are, and 1.0 to receivers that do not read
 * it. Series stay in the order of the stream. What a receiver has already, or finds too old, is counted as dropped, as sending
 * it again could not help.
 * @see Prometheus remote write 2.0 specification
 */
export function createRemoteWriteBackEnd(settings: RemoteWriteSettings): BackEnd {
  const { url, externalLabels, transport, clock, log } = settings;
  /** 2.0 is not tried before; -Infinity while the receiver speaks it. */
  let probeAtMs = -Infinity;
  const families = new Map<string, MetricMetadata>();
  let metadataAtMs = -Infinity;

  function describe(family: string, metadata: MetricMetadata): void {
    if (families.size < familiesMax || families.has(family)) families.set(family, metadata);
  }

  function fallBack(message: string): void {
    if (probeAtMs === -Infinity) {
      log.warn("the receiver does not speak remote write 2.0; it gets 1.0", {
        endpoint: url.href,
        cause: message,
      });
    }
    probeAtMs = clock.nowMs() + probeAfterMs;
  }

  async function post<O>(
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    { signal, read }: { readonly signal: AbortSignal; readonly read: (response: ExportResponse) => O },
  ): Promise<O | Outcome> {
    try {
      return read(
        await transport.send({
          method: "POST",
          url,
          headers,
          body: [body],
          signal,
          responseSizeBytesMax: answerSizeBytesMax,
        }),
      );
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  /** Beside the data, and not worth holding it up: what fails is said again next time. */
  async function sendMetadata(signal: AbortSignal): Promise<void> {
    const nowMs = clock.nowMs();
    if (families.size === 0 || nowMs < metadataAtMs + metadataIntervalMs) return;
    metadataAtMs = nowMs;
    const body = compressSnappy(encodeMetadataV1(families));
    await post(headersV1, body, { signal, read: () => undefined });
  }

  function encodeV1(payloads: readonly Uint8Array[], part?: SeriesPart) {
    const { body, counts, ...rest } = encodeWriteRequestV1(payloads, externalLabels, describe, part);
    return { ...rest, body: compressSnappy(body), sampleCount: counts.samples + counts.histograms };
  }

  function postV1(
    { body, sampleCount }: ReturnType<typeof encodeV1>,
    recordCount: number,
    signal: AbortSignal,
  ): Promise<Outcome> | Outcome {
    if (sampleCount === 0) return { kind: "accepted", rejectedCount: 0, message: "" };
    const sent = { sampleCount, recordCount };
    return post(headersV1, body, {
      signal,
      read: (response) => answerToV1(response, sent, clock.nowMs()),
    });
  }

  async function encode(records: readonly JournalRecord[]) {
    const payloads = records.map(({ payload }) => payload);
    const { body, counts } = mergeSeriesBatches(payloads, externalLabels);
    const sampleCount = counts.samples + counts.histograms;
    let bodyV2: Buffer | undefined;
    let requestV1: ReturnType<typeof encodeV1> | undefined;

    let parts: RecordParts | undefined;

    async function attemptV1(signal: AbortSignal): Promise<Outcome> {
      try {
        requestV1 ??= encodeV1(payloads);
      } catch (error) {
        return { kind: "refused", message: (error as Error).message };
      }
      const { customHistograms, seriesCount } = requestV1;
      const sendPart = async (part: SeriesPart) => postV1(encodeV1(payloads, part), 1, signal);
      let outcome = await (parts?.attempt(sendPart) ?? postV1(requestV1, records.length, signal));
      const isLate = outcome.kind === "accepted" && outcome.dropped !== undefined;
      if (parts === undefined && isLate && seriesCount > 1) {
        // Nothing of the record was written, though only some of it may be late.
        parts = createRecordParts(seriesCount);
        outcome = await parts.attempt(sendPart);
      }
      if (outcome.kind !== "accepted") return outcome;
      await sendMetadata(signal);
      if (customHistograms === 0) return outcome;
      const lost = { reason: "custom_buckets", itemCount: customHistograms };
      return { ...outcome, dropped: [...(outcome.dropped ?? []), lost] };
    }

    /** The receiver answered 2.0 as if it did not read it: whether it reads 1.0 tells. */
    async function attemptOther(signal: AbortSignal, answer: NotSpoken): Promise<Outcome> {
      const outcome = await attemptV1(signal);
      const isRead = outcome.kind === "accepted" && outcome.dropped === undefined;
      if (answer.isCertain || isRead) fallBack(answer.message);
      // Both versions refuse it, so it is the data; 2.0 stays the one to speak.
      else if (outcome.kind === "paused") return { kind: "refused", message: answer.message };
      return outcome;
    }

    return {
      async attempt(signal: AbortSignal): Promise<Outcome> {
        if (sampleCount === 0) return { kind: "accepted", rejectedCount: 0, message: "" };
        if (clock.nowMs() < probeAtMs) {
          const outcome = await attemptV1(signal);
          // Whatever this is, it may be a receiver that reads 2.0 only by now.
          if (outcome.kind === "paused") probeAtMs = clock.nowMs();
          return outcome;
        }
        bodyV2 ??= compressSnappy(body);
        const answer = await post(headersV2, bodyV2, {
          signal,
          read: (response) => answerToV2(response, counts, clock.nowMs()),
        });
        if (answer.kind === "not_spoken") return attemptOther(signal, answer);
        if (answer.kind === "accepted" && probeAtMs !== -Infinity) {
          log.info("the receiver speaks remote write 2.0 now", { endpoint: url.href });
          probeAtMs = -Infinity;
        }
        return answer;
      },
    };
  }

  return { url, encode, close: () => undefined };
}
