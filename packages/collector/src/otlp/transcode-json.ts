import { CollectorError } from "../model/index.ts";
import { encodeRequest } from "./encode.ts";
import { quoteLongIntegers } from "./json-text.ts";
import type { OtlpSignal } from "./schema.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * OTLP/JSON to OTLP/protobuf.
 * Ids are hex of either case, 64-bit integers numbers (kept exactly) or strings, enums numbers only, names lowerCamelCase only;
 * unknown fields are passed over.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path inside the document; QUARTET_OTLP_TOO_LARGE when it has millions of values.
 * @see OTLP specification, "JSON Protobuf Encoding"
 */
export function transcodeJson(signal: OtlpSignal, json: Uint8Array): Uint8Array {
  return encodeRequest(signal, parseJson(json));
}

function parseJson(json: Uint8Array): unknown {
  const exact = quoteLongIntegers(json);
  try {
    return JSON.parse(utf8.decode(exact));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CollectorError("QUARTET_OTLP_INVALID", `the body is no JSON: ${message}`, { cause });
  }
}
