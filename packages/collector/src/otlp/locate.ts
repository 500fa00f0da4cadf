import { requests, type Message, type OtlpSignal } from "./schema.ts";
import { WireCursor, wireBytes } from "./wire.ts";

/**
 * The path of the innermost message around `offset`, as OTLP/JSON would name it (`resourceSpans[0].scopeSpans[0].spans[3]`),
 * or of the field whose content begins there. Only called when something is wrong, so it may walk from the beginning.
 */
export function locate(signal: OtlpSignal, bytes: Uint8Array, offset: number): string {
  let message: Message = requests[signal];
  let end = bytes.length;
  let path = "";
  const cursor = new WireCursor(bytes);
  const indexes = new Map<string, number>();
  try {
    while (cursor.position < end && cursor.position < offset) {
      const field = message.byNumber.get(cursor.tag(end));
      cursor.skip(end);
      const name = field?.name ?? String(cursor.field);
      const index = (indexes.get(name) ?? -1) + 1;
      indexes.set(name, index);
      if (cursor.position <= offset && !(cursor.start === offset && cursor.wireType === wireBytes)) continue;
      path += `${path === "" ? "" : "."}${name}${field?.isRepeated === true ? `[${index}]` : ""}`;
      if (field === undefined || typeof field.type !== "function" || cursor.start >= offset) break;
      message = field.type();
      end = cursor.end;
      cursor.position = cursor.start;
      indexes.clear();
    }
  } catch (error) {
    // The bytes are broken here already: the path so far is what can be said.
    if (!(error instanceof Error)) throw error;
  }
  return path === "" ? "the body" : path;
}
