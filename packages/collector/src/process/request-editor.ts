import { encodeVarint, PatchList, wireBytes, WireCursor } from "../otlp/index.ts";
import { AttributeEditor, type AttributeList, type EditState } from "./attribute-editor.ts";
import type { AttributeRules } from "./attribute-rules.ts";
import type { FieldPlan, MessagePlan, SignalPlan } from "./plan.ts";

/** What became of a request. */
export interface EditedRequest {
  readonly bytes: Uint8Array;
  /** Items dropped and values masked, by the number of the rule. */
  readonly dropped: readonly number[];
  readonly redacted: readonly number[];
}

// Fields of ResourceSpans (and so on) and Resource.
const fieldResource = 1;
const fieldAttributes = 1;
const tagBytes = (field: number): number => field * 8 + wireBytes;

/** Applies a plan to one request, copying what it does not change. @throws CollectorError QUARTET_OTLP_INVALID */
export class RequestEditor implements EditState {
  readonly cursor: WireCursor;
  readonly patches: PatchList = new PatchList();
  readonly dropped: number[];
  redacted: number[];
  readonly #plan: SignalPlan;
  readonly #attributes: AttributeEditor;
  #keptCount = 0;
  #droppedCount = 0;
  /** Attributes that the resource at hand still needs; undefined once it has them. */
  #missing: Uint8Array | undefined;

  constructor(
    plan: SignalPlan,
    bytes: Uint8Array,
    rules: { readonly drop: number; readonly redact: number },
  ) {
    this.#plan = plan;
    this.cursor = new WireCursor(bytes);
    this.dropped = new Array<number>(rules.drop).fill(0);
    this.redacted = new Array<number>(rules.redact).fill(0);
    this.#attributes = new AttributeEditor(this);
  }

  run(): EditedRequest {
    const { bytes } = this.cursor;
    this.#walk(this.#plan.request, 0, bytes.length);
    return { bytes: this.patches.apply(bytes), dropped: this.dropped, redacted: this.redacted };
  }

  #walk(plan: MessagePlan, start: number, end: number): void {
    const { cursor } = this;
    const { fields } = plan;
    let list: AttributeList | undefined;
    cursor.position = start;
    while (cursor.position < end) {
      const outerStart = cursor.position;
      const number = cursor.tag(end);
      const field = number < fields.length ? fields[number] : undefined;
      const lengthStart = cursor.position;
      cursor.skip(end);
      if (field === undefined || cursor.wireType !== wireBytes) continue;
      const { start: contentStart, end: contentEnd } = cursor;
      switch (field.kind) {
        case "attribute":
          if (list?.field !== number) list = { start, end, field: number, winners: undefined };
          this.#attributes.attribute(field.rules, list, lengthStart, contentStart, contentEnd);
          break;
        case "text":
          this.#attributes.text(
            field.texts.get(cursor.bytes, contentStart, contentEnd),
            lengthStart,
            contentEnd,
          );
          break;
        case "item":
          this.#item(field.message, outerStart, lengthStart, contentStart, contentEnd);
          break;
        case "group":
          this.#group(field, outerStart, lengthStart, contentStart, contentEnd);
          break;
        case "part":
        case "resource":
        case "value":
          this.#inner(field, lengthStart, contentStart, contentEnd);
          break;
      }
      cursor.position = contentEnd;
    }
  }

  #inner(
    field: Extract<FieldPlan, { readonly kind: "part" | "resource" | "value" }>,
    lengthStart: number,
    start: number,
    end: number,
  ): void {
    const mark = this.patches.mark();
    if (field.kind === "value") this.#attributes.value(field.rules, start, end, 0);
    else this.#walk(field.message, start, end);
    if (field.kind === "resource" && this.#missing !== undefined) {
      this.patches.replace(end, end, this.#missing);
      this.#missing = undefined;
    }
    this.patches.close(mark, { lengthStart, start, end });
  }

  #item(plan: MessagePlan, outerStart: number, lengthStart: number, start: number, end: number): void {
    const rule = this.#plan.dropper?.ruleOf(this.cursor, start, end, plan.message) ?? -1;
    if (rule >= 0) {
      this.patches.remove(outerStart, end);
      this.dropped[rule]! += 1;
      this.#droppedCount += 1;
      return;
    }
    this.#keptCount += 1;
    if (plan.isIdle) return;
    const mark = this.patches.mark();
    this.#walk(plan, start, end);
    this.patches.close(mark, { lengthStart, start, end });
  }

  #group(
    { message, level }: Extract<FieldPlan, { readonly kind: "group" }>,
    outerStart: number,
    lengthStart: number,
    start: number,
    end: number,
  ): void {
    const { dropper, resource } = this.#plan;
    const keptBefore = this.#keptCount;
    const droppedBefore = this.#droppedCount;
    const redactedBefore = dropper === undefined ? this.redacted : [...this.redacted];
    const mark = this.patches.mark();
    if (level !== "data") dropper?.enter(level, this.cursor, start, end, message.message);
    if (level === "resource" && resource !== undefined && resource.additions.length > 0)
      this.#missing = this.#missingOf(resource, start, end);
    this.#walk(message, start, end);
    if (this.#droppedCount > droppedBefore && this.#keptCount === keptBefore) {
      // What holds nothing any more goes with what it held.
      this.patches.rewind(mark);
      this.patches.remove(outerStart, end);
      this.redacted = redactedBefore;
      return;
    }
    if (level === "resource" && this.#missing !== undefined) {
      this.patches.replace(end, end, encodeField(fieldResource, this.#missing));
      this.#missing = undefined;
    }
    this.patches.close(mark, { lengthStart, start, end });
  }

  /** The attributes that a resource lacks, as fields of Resource; undefined when it has all. */
  #missingOf(rules: AttributeRules, start: number, end: number): Uint8Array | undefined {
    const { cursor } = this;
    const present = rules.additions.map(() => false);
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      cursor.skip(end);
      if (field !== fieldResource || cursor.wireType !== wireBytes) continue;
      const resourceEnd = cursor.end;
      const list = { start: cursor.start, end: resourceEnd, field: fieldAttributes, winners: undefined };
      this.#attributes.findPresent(rules, list, present);
      cursor.position = resourceEnd;
    }
    const missing = rules.additions.filter((_, addition) => !present[addition]);
    if (missing.length === 0) return undefined;
    return Buffer.concat(
      missing.flatMap(({ encoded }) => [Uint8Array.of(tagBytes(fieldAttributes)), encoded]),
    );
  }
}

function encodeField(field: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tagBytes(field)), encodeVarint(content.length), content]);
}
