import { CollectorError } from "../model/index.ts";
import { encodeRequest } from "./encode.ts";
import type { OtlpSignal } from "./schema.ts";

/** From 16 digits on, JSON.parse rounds; times in nanoseconds have 19. Digits inside a string match too, which only costs time. */
const longNumber = /[:[,\s-]\d{16}/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * OTLP/JSON to OTLP/protobuf.
 * Ids are hex of either case, 64-bit integers numbers (kept exactly) or strings, enums numbers only, names lowerCamelCase only;
 * unknown fields are passed over.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path inside the document.
 * @see OTLP specification, "JSON Protobuf Encoding"
 */
export function transcodeJson(signal: OtlpSignal, json: Uint8Array): Uint8Array {
  return encodeRequest(signal, parseJson(json));
}

function parseJson(json: Uint8Array): unknown {
  try {
    const text = utf8.decode(json);
    return longNumber.test(text) ? JSON.parse(text, keepLongIntegers) : JSON.parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CollectorError("QUARTET_OTLP_INVALID", `the body is no JSON: ${message}`, { cause });
  }
}

/** Integers beyond what a number holds become the strings that OTLP/JSON allows in their place. */
function keepLongIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return context?.source !== undefined && /^-?\d+$/.test(context.source) ? context.source : value;
}
