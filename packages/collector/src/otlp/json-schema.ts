import { wireTypeOf } from "./field-table.ts";
import { requests, type Field, type Message, type OtlpSignal, type Scalar } from "./schema.ts";
import { wireBytes } from "./wire.ts";

/** A field as the transcoder looks for it. */
export interface JsonField {
  readonly field: Field;
  /** As bytes. */
  readonly name: Uint8Array;
  /** Number and wire type of one value. */
  readonly tag: number;
  /** Number and wire type of a list in one field; 0 when each value has a field of its own. */
  readonly packedTag: number;
  /** undefined for a message. */
  readonly scalar: Scalar | undefined;
  /** One bit of 32, its own in its message. */
  readonly bit: number;
  /** The message that it holds. */
  readonly child: JsonMessage | undefined;
}

const bucketCount = 32;

/** A message whose fields are found by the bytes of their names. */
export class JsonMessage {
  readonly name: string;
  readonly #message: Message;
  readonly #buckets: JsonField[][] = Array.from({ length: bucketCount }, () => []);

  constructor(message: Message) {
    this.name = message.name;
    this.#message = message;
  }

  /** To be called once, when the message is known to those that it holds: a value may hold values. */
  addFields(childOf: (message: Message) => JsonMessage): void {
    for (const [index, field] of this.#message.fields.entries()) {
      const { type, number } = field;
      const name = Buffer.from(field.name);
      const isPacked = field.isRepeated && wireTypeOf(field) !== wireBytes;
      this.#buckets[bucketOf(name, 0, name.length)]!.push({
        field,
        name,
        tag: number * 8 + wireTypeOf(field),
        packedTag: isPacked ? number * 8 + wireBytes : 0,
        scalar: typeof type === "function" ? undefined : type,
        bit: 1 << index,
        child: typeof type === "function" ? childOf(type()) : undefined,
      });
    }
  }

  /** The field of that name; undefined when there is none. */
  find(bytes: Uint8Array, start: number, end: number): JsonField | undefined {
    const bucket = this.#buckets[bucketOf(bytes, start, end)]!;
    for (let index = 0; index < bucket.length; index += 1)
      if (isName(bucket[index]!.name, bytes, start, end)) return bucket[index];
    return undefined;
  }
}

/** Tells apart all but a few of the names that one message has. */
function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  return (end - start + bytes[start]! * 3 + bytes[end - 1]! * 5) & (bucketCount - 1);
}

function isName(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[start + at]) return false;
  return true;
}

function compile(): Readonly<Record<OtlpSignal, JsonMessage>> {
  const known = new Map<Message, JsonMessage>();
  const compiled = (message: Message): JsonMessage => {
    let found = known.get(message);
    if (found === undefined) {
      found = new JsonMessage(message);
      known.set(message, found);
      found.addFields(compiled);
    }
    return found;
  };
  return {
    spans: compiled(requests.spans),
    logs: compiled(requests.logs),
    metrics: compiled(requests.metrics),
  };
}

/** The request message of each signal. */
export const jsonRequests: Readonly<Record<OtlpSignal, JsonMessage>> = compile();
