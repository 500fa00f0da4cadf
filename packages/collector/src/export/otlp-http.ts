import type { Clock } from "../model/index.ts";
import type { BackEnd } from "./back-end.ts";
import { compressBody, type Compression } from "./compress.ts";
import { outcomeOfError, outcomeOfFailure } from "./outcome.ts";
import { parseExportResponse } from "./partial-success.ts";
import type { Transport } from "./transport.ts";

export interface OtlpHttpSettings {
  /** With the signal's path. */
  readonly url: URL;
  readonly compression: Compression;
  readonly transport: Transport;
  readonly clock: Clock;
  /** How many requests may be under way at once; 1, the journal's order, when not given. */
  readonly requestCountMax?: number;
}

/**
 * OTLP over HTTP, protobuf: the original bytes of the records as one request, as messages with repeated fields may be concatenated.
 * @see OTLP specification, "OTLP/HTTP"
 */
export function createOtlpHttpBackEnd(settings: OtlpHttpSettings): BackEnd {
  const { url, compression, transport, clock, requestCountMax = 1 } = settings;
  const headers = {
    "content-type": "application/x-protobuf",
    ...(compression === "none" ? {} : { "content-encoding": compression }),
  };
  return {
    url,
    requestCountMax,
    async encode(records) {
      const pieces = records.map(({ payload }) => payload);
      const body = await compressBody(pieces, compression);
      return {
        async attempt(signal) {
          try {
            const response = await transport.send({ method: "POST", url, headers, body, signal });
            if (response.statusCode < 200 || response.statusCode >= 300)
              return outcomeOfFailure(response, clock.nowMs());
            // A 2xx that cannot be read is still a 2xx: sending it all again would make duplicates for ever.
            const { rejectedCount = 0, message = "" } = parseExportResponse(response.body) ?? {};
            return { kind: "accepted", rejectedCount, message };
          } catch (error) {
            return outcomeOfError(error);
          }
        },
      };
    },
    close: () => undefined,
  };
}
