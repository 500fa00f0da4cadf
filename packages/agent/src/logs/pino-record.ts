import { exceptionAttributes } from "./exception.ts";
import type { PinoKeys, PinoLogger } from "./pino-logger.ts";

/** A call of pino's asJson: what it got and the line it made. */
export interface PinoCall {
  readonly logger: PinoLogger;
  readonly merged: Readonly<Record<string, unknown>>;
  readonly message: unknown;
  readonly line: string;
}

export interface PinoRecord {
  readonly body: unknown;
  readonly attributes: Record<string, unknown>;
}

/** In the record's own fields, or in the resource. */
const fieldsElsewhere: ReadonlySet<string> = new Set([
  "level",
  "time",
  "pid",
  "hostname",
  "trace_id",
  "span_id",
  "trace_flags",
]);
/** Deeper objects are kept as their JSON. */
const depthMax = 4;

/**
 * Body and flat attributes of one log call.
 *
 * The line is the truth: redaction, serializers and formatters have shaped it. It is parsed only when one of them may have, or when a
 * value is not plain; otherwise the call's own arguments say the same, for a tenth of the time.
 */
export function readPinoCall(call: PinoCall, keys: PinoKeys, bindings: PinoBindings): PinoRecord {
  const attributes = plainAttributes(call, keys);
  if (attributes === undefined) return parseLine(call, keys);
  return { body: call.message, attributes: { ...bindings.of(call.logger, keys), ...attributes } };
}

/** The merged object's own values when nothing can have changed them and all are plain; else undefined. */
function plainAttributes(
  { logger, merged, message }: PinoCall,
  keys: PinoKeys,
): Record<string, unknown> | undefined {
  const serializers = keys.serializersOf(logger);
  if (keys.isShaped(logger) || serializers[keys.messageKeyOf(logger)] !== undefined) return undefined;
  if (message !== undefined && typeof message !== "string") return undefined;
  const attributes: Record<string, unknown> = {};
  for (const key in merged) {
    if (!Object.hasOwn(merged, key)) continue;
    const value = merged[key];
    switch (typeof value) {
      case "number":
        // JSON has no NaN; pino writes null.
        if (!Number.isFinite(value)) continue;
        break;
      case "string":
      case "boolean":
        break;
      case "undefined":
      case "function":
        continue;
      case "bigint":
      case "object":
      case "symbol":
        return undefined;
    }
    if (serializers[key] !== undefined || key === keys.messageKeyOf(logger)) return undefined;
    if (!fieldsElsewhere.has(key)) attributes[key] = value;
  }
  return attributes;
}

function parseLine({ logger, line }: PinoCall, keys: PinoKeys): PinoRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    // A formatter of the service's makes something else than JSON: the line is the message.
    return { body: line.trimEnd(), attributes: {} };
  }
  const messageKey = keys.messageKeyOf(logger);
  const errorKey = keys.errorKeyOf(logger);
  const attributes: Record<string, unknown> = {};
  let body: unknown;
  for (const [key, value] of Object.entries(parsed as Record<string, unknown>)) {
    if (fieldsElsewhere.has(key)) continue;
    if (key === messageKey) {
      body = value;
      continue;
    }
    const exception = key === errorKey || key === "error" ? exceptionAttributes(value) : undefined;
    if (exception === undefined) {
      flatten(attributes, { key, value, depth: 0 });
      continue;
    }
    Object.assign(attributes, exception);
    const { type: _type, message: _message, stack: _stack, ...rest } = value as Record<string, unknown>;
    flatten(attributes, { key, value: rest, depth: 0 });
  }
  return { body, attributes };
}

/** `{ a: { b: 1 } }` becomes `a.b`; lists of plain values stay, other lists become their JSON. */
function flatten(
  attributes: Record<string, unknown>,
  { key, value, depth }: { key: string; value: unknown; depth: number },
): void {
  if (typeof value !== "object" || value === null) {
    if (value !== null) attributes[key] = value;
    return;
  }
  if (Array.isArray(value)) {
    attributes[key] = value.every((item) => typeof item !== "object") ? value : JSON.stringify(value);
    return;
  }
  if (depth >= depthMax) {
    attributes[key] = JSON.stringify(value);
    return;
  }
  for (const [name, item] of Object.entries(value))
    flatten(attributes, { key: `${key}.${name}`, value: item, depth: depth + 1 });
}

/** Bindings of loggers (`name`, what `child` was given), parsed once for each logger. */
export interface PinoBindings {
  of(logger: PinoLogger, keys: PinoKeys): Readonly<Record<string, unknown>>;
}

export function createPinoBindings(): PinoBindings {
  const known = new WeakMap<PinoLogger, { text: string; attributes: Record<string, unknown> }>();
  return {
    of(logger, keys) {
      // pino keeps bindings as a piece of JSON: `,"pid":1,"hostname":"h","name":"n"`; setBindings may replace it.
      const text = keys.bindingsOf(logger);
      const found = known.get(logger);
      if (found?.text === text) return found.attributes;
      const attributes: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(JSON.parse(`{${text.slice(1)}}`) as object))
        if (!fieldsElsewhere.has(key)) flatten(attributes, { key, value, depth: 0 });
      known.set(logger, { text, attributes });
      return attributes;
    },
  };
}
