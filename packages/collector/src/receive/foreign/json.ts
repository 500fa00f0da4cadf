import { CollectorError } from "../../model/index.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws CollectorError QUARTET_OTLP_INVALID */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new CollectorError("QUARTET_OTLP_INVALID", `the body is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** @throws CollectorError QUARTET_OTLP_INVALID that says what should stand at `path`. */
export function invalid(path: string, what: string): never {
  throw new CollectorError("QUARTET_OTLP_INVALID", `${path} should be ${what}`);
}

export function objectAt(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) invalid(path, "an object");
  return value as Readonly<Record<string, unknown>>;
}

/** The elements; [] when there is none. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : invalid(path, "a list");
}

/** Text that has a form in UTF-8: half characters become U+FFFD. */
export function textAt(value: unknown, path: string): string {
  return typeof value === "string" ? value.toWellFormed() : invalid(path, "a string");
}

/** Names and texts in turn, in the order of the document; [] when there is no object. */
export function textPairsAt(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  return Object.entries(objectAt(value, path)).flatMap(([name, text]) => [
    name.toWellFormed(),
    textAt(text, `${path}.${name}`),
  ]);
}
