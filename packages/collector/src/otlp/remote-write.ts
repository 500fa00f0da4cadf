import { CollectorError, type SeriesWrite } from "../model/index.ts";
import { decodeRemoteWrite1, type FamilyMetadata } from "./remote-write-v1.ts";
import { decodeSeriesBatch } from "./series-decode.ts";
import { fieldTimeSeries } from "./series-fields.ts";
import { WireCursor } from "./wire.ts";

export type RemoteWriteVersion = 1 | 2;

export interface RemoteWriteRequest {
  /** As they came: labels unsorted perhaps, or twice. */
  readonly writes: readonly SeriesWrite[];
  /** Of 1.0 alone; 2.0 has it in its series. */
  readonly metadata: readonly FamilyMetadata[];
}

/**
 * Reads a remote write request, decompressed.
 * Bounds: a series, or a field in one, may take two bytes here and hundreds as an object, so over `partsMax` of them nothing is made.
 * @throws CollectorError QUARTET_SERIES_INVALID, QUARTET_OTLP_TOO_LARGE over `partsMax`; neither is to be retried.
 */
export function decodeRemoteWrite(
  bytes: Uint8Array,
  { version, partsMax }: { readonly version: RemoteWriteVersion; readonly partsMax: number },
): RemoteWriteRequest {
  countParts(bytes, { version, partsMax });
  return version === 1 ? decodeRemoteWrite1(bytes) : { writes: decodeSeriesBatch(bytes), metadata: [] };
}

const fieldTimeSeries1 = 1;
/** References to labels and counts of buckets come packed, each in a byte perhaps: so many bytes count as a part. */
const bytesPerPart = 32;

function countParts(
  bytes: Uint8Array,
  { version, partsMax }: { readonly version: RemoteWriteVersion; readonly partsMax: number },
): void {
  // Neither version uses the other's number for anything else. @see io.prometheus.write.v2.Request, "reserved 1 to 3"
  const [seriesField, otherField] =
    version === 1 ? [fieldTimeSeries1, fieldTimeSeries] : [fieldTimeSeries, fieldTimeSeries1];
  const cursor = new WireCursor(bytes);
  let count = 0;
  try {
    while (cursor.position < bytes.length && count <= partsMax) {
      count += 1;
      const field = cursor.tag(bytes.length);
      if (field === otherField) {
        // promtool sends 1.0 under the type of 2.0; read as such it would hold nothing, and be lost without a word.
        cursor.fail(
          `it is one of ${version === 1 ? 2 : 1}.0, not of ${version}.0 as the content type has it`,
        );
      }
      if (field !== seriesField) {
        cursor.skip(bytes.length);
        continue;
      }
      const end = cursor.enter(bytes.length);
      while (cursor.position < end && count <= partsMax) {
        const start = cursor.position;
        cursor.tag(end);
        cursor.skip(end);
        count += 1 + Math.floor((cursor.position - start) / bytesPerPart);
      }
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CollectorError("QUARTET_SERIES_INVALID", `the request is broken: ${message}`, { cause });
  }
  if (count > partsMax) {
    throw new CollectorError(
      "QUARTET_OTLP_TOO_LARGE",
      `the request has more than ${partsMax} series, labels and samples; send smaller batches`,
    );
  }
}
