import { depthMax, wireBytes, wireVarint, type PatchList, type WireCursor } from "../otlp/index.ts";
import type { AttributeRules, KeyVerdict, Renamed } from "./attribute-rules.ts";
import { encodeText, type TextEdit } from "./text-edit.ts";

/** What all that edits one request works on. */
export interface EditState {
  readonly cursor: WireCursor;
  readonly patches: PatchList;
  /** Values masked, by the number of the rule. */
  readonly redacted: number[];
}

/** The message around attributes, and their field's number in it. */
export interface AttributeList {
  readonly start: number;
  readonly end: number;
  readonly field: number;
  /** Who gets a new name, by the name: where that attribute begins, -1 for nobody. Filled in when first asked. */
  winners: Map<string, number> | undefined;
}

// Fields of KeyValue, AnyValue, ArrayValue and KeyValueList.
const fieldKey = 1;
const fieldValue = 2;
const fieldString = 1;
const fieldInt = 3;
const fieldArray = 5;
const fieldList = 6;
const fieldValues = 1;
const tagKey = fieldKey * 8 + wireBytes;
const tagValue = fieldValue * 8 + wireBytes;
const tagString = fieldString * 8 + wireBytes;
const tagDouble = 0x21;

/** Masks and renames attributes in place. Of a value that comes twice each is masked, whichever a reader takes. */
export class AttributeEditor {
  readonly #state: EditState;
  // Of the KeyValue read last.
  #keyLengthStart = 0;
  #keyStart = 0;
  #keyEnd = 0;
  #hasValue = false;

  constructor(state: EditState) {
    this.#state = state;
  }

  /** Edits the KeyValue between `start` and `end`, which may get a new name. */
  attribute(
    rules: AttributeRules,
    list: AttributeList,
    lengthStart: number,
    start: number,
    end: number,
  ): void {
    const { cursor, patches } = this.#state;
    this.#readKey(start, end);
    const verdict = this.#verdict(rules);
    if (verdict.isIdle && (!rules.hasNested || isScalarIdle(rules, cursor.bytes, this.#keyEnd, end))) return;
    const keyLengthStart = this.#keyLengthStart;
    const renamed = this.#renamedIn(list, verdict, start);
    const addition = rules.additions[(renamed ?? verdict).addition];
    if (addition?.isUpsert === true) this.#replace(lengthStart, end, addition.encoded);
    else if (verdict.maskRule >= 0 && this.#hasValue) this.#mask(verdict, renamed, lengthStart, end);
    else {
      const mark = patches.mark();
      const newKey =
        renamed === undefined ? undefined : { lengthStart: keyLengthStart, encoded: renamed.keyEncoded };
      this.#pair(rules, start, end, 0, newKey);
      patches.close(mark, { lengthStart, start, end });
    }
  }

  /** Masks what matches in the AnyValue between `start` and `end`. */
  value(rules: AttributeRules, start: number, end: number, depth: number): void {
    const { cursor, patches } = this.#state;
    if (depth > depthMax) cursor.fail("values are nested too deeply");
    cursor.position = start;
    while (cursor.position < end) {
      const tagStart = cursor.position;
      const field = cursor.tag(end);
      const lengthStart = cursor.position;
      if (field === fieldInt && cursor.wireType === wireVarint && rules.redactor !== undefined) {
        const number = BigInt.asIntN(64, cursor.bigVarint(end)).toString();
        const redaction = rules.redactor.redact(number);
        if (redaction === undefined) continue;
        patches.replace(
          tagStart,
          cursor.position,
          Buffer.concat([Uint8Array.of(tagString), encodeText(redaction.masked)]),
        );
        this.#count(redaction.rules);
        continue;
      }
      cursor.skip(end);
      if (cursor.wireType !== wireBytes) continue;
      const { start: contentStart, end: contentEnd } = cursor;
      if (field === fieldString)
        this.text(rules.texts?.get(cursor.bytes, contentStart, contentEnd), lengthStart, contentEnd);
      else if (field === fieldArray || field === fieldList) {
        const mark = patches.mark();
        this.#elements(rules, field, contentStart, contentEnd, depth + 1);
        patches.close(mark, { lengthStart, start: contentStart, end: contentEnd });
      }
      cursor.position = contentEnd;
    }
  }

  /** Puts what became of a text in its place; its length begins at `lengthStart`. */
  text(edit: TextEdit | undefined, lengthStart: number, end: number): void {
    if (edit === undefined) return;
    this.#state.patches.replace(lengthStart, end, edit.encoded);
    this.#count(edit.rules);
  }

  /** Marks the additions whose key one of the attributes in `list` has in the end. */
  findPresent(rules: AttributeRules, list: AttributeList, present: boolean[]): void {
    const { cursor } = this.#state;
    cursor.position = list.start;
    while (cursor.position < list.end) {
      const field = cursor.tag(list.end);
      cursor.skip(list.end);
      if (field !== list.field || cursor.wireType !== wireBytes) continue;
      const { start, end } = cursor;
      this.#readKey(start, end);
      const verdict = this.#verdict(rules);
      const { addition } = this.#renamedIn(list, verdict, start) ?? verdict;
      if (addition >= 0) present[addition] = true;
      cursor.position = end;
    }
  }

  #elements(rules: AttributeRules, kind: number, start: number, end: number, depth: number): void {
    const { cursor, patches } = this.#state;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      const lengthStart = cursor.position;
      cursor.skip(end);
      if (field !== fieldValues || cursor.wireType !== wireBytes) continue;
      const { start: contentStart, end: contentEnd } = cursor;
      if (kind === fieldList) this.#nestedPair(rules, lengthStart, contentStart, contentEnd, depth);
      else {
        const mark = patches.mark();
        this.value(rules, contentStart, contentEnd, depth);
        patches.close(mark, { lengthStart, start: contentStart, end: contentEnd });
      }
      cursor.position = contentEnd;
    }
  }

  #nestedPair(rules: AttributeRules, lengthStart: number, start: number, end: number, depth: number): void {
    const { cursor, patches } = this.#state;
    this.#readKey(start, end);
    const verdict = rules.nested.get(cursor.bytes, this.#keyStart, this.#keyEnd);
    if (verdict.maskRule >= 0 && this.#hasValue) {
      this.#mask(verdict, undefined, lengthStart, end);
      return;
    }
    const mark = patches.mark();
    this.#pair(rules, start, end, depth);
    patches.close(mark, { lengthStart, start, end });
  }

  /** Every value of a KeyValue, and its key where that stands: a value may come before it, and patches go from front to back. */
  #pair(
    rules: AttributeRules,
    start: number,
    end: number,
    depth: number,
    newKey?: { readonly lengthStart: number; readonly encoded: Uint8Array },
  ): void {
    const { cursor, patches } = this.#state;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      const lengthStart = cursor.position;
      cursor.skip(end);
      if (lengthStart === newKey?.lengthStart) patches.replace(lengthStart, cursor.end, newKey.encoded);
      if (!rules.hasNested || field !== fieldValue || cursor.wireType !== wireBytes) continue;
      const { start: contentStart, end: contentEnd } = cursor;
      const mark = patches.mark();
      this.value(rules, contentStart, contentEnd, depth);
      patches.close(mark, { lengthStart, start: contentStart, end: contentEnd });
      cursor.position = contentEnd;
    }
  }

  #mask(verdict: KeyVerdict, renamed: Renamed | undefined, lengthStart: number, end: number): void {
    this.#replace(lengthStart, end, (renamed ?? verdict).masked);
    this.#state.redacted[verdict.maskRule]! += 1;
  }

  #replace(lengthStart: number, end: number, pair: Uint8Array): void {
    this.#state.patches.replace(lengthStart, end, pair);
  }

  #count(rules: readonly number[]): void {
    for (const rule of rules) this.#state.redacted[rule]! += 1;
  }

  #verdict(rules: AttributeRules): KeyVerdict {
    return rules.verdicts.get(this.#state.cursor.bytes, this.#keyStart, this.#keyEnd);
  }

  /**
   * The new name, unless another attribute of the list has it or gets it first: two with one key make a batch that
   * back ends refuse as a whole.
   */
  #renamedIn(list: AttributeList, { renamed }: KeyVerdict, ownStart: number): Renamed | undefined {
    if (renamed === undefined) return undefined;
    // Once for the list: a sender with thousands of attributes of one key must not cost their square.
    const winners = (list.winners ??= new Map<string, number>());
    let winner = winners.get(renamed.name);
    if (winner === undefined) {
      const hasValue = this.#hasValue;
      winner = this.#winnerOf(list, renamed);
      this.#hasValue = hasValue;
      winners.set(renamed.name, winner);
    }
    return winner === ownStart ? renamed : undefined;
  }

  /** Where the first attribute begins that gets the new name; -1 when one has it already. */
  #winnerOf(list: AttributeList, { key, oldKeys }: Renamed): number {
    const { cursor } = this.#state;
    let winner = -1;
    cursor.position = list.start;
    while (cursor.position < list.end) {
      const field = cursor.tag(list.end);
      cursor.skip(list.end);
      if (field !== list.field || cursor.wireType !== wireBytes) continue;
      const { start, end } = cursor;
      this.#readKey(start, end);
      if (this.#hasKey(key)) return -1;
      if (winner < 0 && oldKeys.some((old) => this.#hasKey(old))) winner = start;
      cursor.position = end;
    }
    return winner;
  }

  /** Whether the KeyValue read last has this key. */
  #hasKey(key: Buffer): boolean {
    return (
      key.length === this.#keyEnd - this.#keyStart &&
      key.equals(this.#state.cursor.bytes.subarray(this.#keyStart, this.#keyEnd))
    );
  }

  /** The key of a KeyValue: of several the last one counts. */
  #readKey(start: number, end: number): void {
    const { cursor } = this.#state;
    const { bytes } = cursor;
    const keyEnd = start + 2 + bytes[start + 1]!;
    if (bytes[start] === tagKey && isLastValue(bytes, keyEnd, end) && bytes[start + 1]! < 0x80) {
      this.#keyLengthStart = start + 1;
      this.#keyStart = start + 2;
      this.#keyEnd = keyEnd;
      this.#hasValue = true;
      return;
    }
    this.#keyLengthStart = this.#keyStart = this.#keyEnd = end;
    this.#hasValue = false;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      const lengthStart = cursor.position;
      cursor.skip(end);
      if (cursor.wireType !== wireBytes) continue;
      if (field === fieldKey) {
        this.#keyLengthStart = lengthStart;
        this.#keyStart = cursor.start;
        this.#keyEnd = cursor.end;
      } else if (field === fieldValue) this.#hasValue = true;
    }
  }
}

/** Whether a value with a short length stands at `start` and reaches to `end`: so that every SDK ends an attribute. */
function isLastValue(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    start + 4 <= end &&
    bytes[start] === tagValue &&
    bytes[start + 1]! < 0x80 &&
    end === start + 2 + bytes[start + 1]!
  );
}

/** Whether a value, of which `isLastValue` holds, is a text in which nothing matches or a number that nobody looks at. */
function isScalarIdle(rules: AttributeRules, bytes: Uint8Array, start: number, end: number): boolean {
  if (!isLastValue(bytes, start, end)) return false;
  switch (bytes[start + 2]!) {
    case tagString: {
      const isWhole = end === start + 4 + bytes[start + 3]!;
      return isWhole && rules.texts?.get(bytes, start + 4, end) === undefined;
    }
    case tagDouble:
      return start + 11 === end;
    default:
      return false;
  }
}
