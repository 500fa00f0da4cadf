import type { AttributeValue } from "../model/index.ts";
import { encodeAttribute, encodeVarint } from "../otlp/index.ts";
import { createBytesCache, type BytesCache } from "./bytes-cache.ts";
import type { Redactor } from "./redactor.ts";
import { createTextCache, encodeText, textOf, type TextEdit } from "./text-edit.ts";

/** What the rules say about a key, found once for all attributes that have it. */
export interface KeyVerdict {
  /** Whether nothing happens because of the key. */
  readonly isIdle: boolean;
  /** Undefined when the key stays. */
  readonly renamed: Renamed | undefined;
  /** Number of the rule that masks what stands under it; -1 for none. */
  readonly maskRule: number;
  /** KeyValue with the mask and its length; empty without a rule. */
  readonly masked: Uint8Array;
  /** Number of the attribute that is added under this key; -1 for none. */
  readonly addition: number;
}

export interface Renamed {
  readonly name: string;
  /** UTF-8, and the same with its length before it. */
  readonly key: Buffer;
  /** All keys that get this name. */
  readonly oldKeys: readonly Buffer[];
  readonly keyEncoded: Uint8Array;
  readonly masked: Uint8Array;
  /** Number of the attribute that is added under the new key; -1 for none. */
  readonly addition: number;
}

/** An attribute that a resource gets. */
export interface Addition {
  /** Whether it also replaces what is there. */
  readonly isUpsert: boolean;
  /** KeyValue with its length. */
  readonly encoded: Uint8Array;
}

/** What happens to one kind of list of attributes, and to what is nested in their values. */
export interface AttributeRules {
  readonly verdicts: BytesCache<KeyVerdict>;
  /** Keys inside of values: they are masked, but not renamed. */
  readonly nested: BytesCache<KeyVerdict>;
  /** Undefined when texts are not looked into. */
  readonly texts: BytesCache<TextEdit | undefined> | undefined;
  /** Undefined when numbers are not looked into. */
  readonly redactor: Redactor | undefined;
  /** Whether anything can happen inside of values whose key no rule names. */
  readonly hasNested: boolean;
  readonly additions: readonly Addition[];
}

const keysMax = 4096;
const keyLengthMax = 256;

/** Undefined when nothing can happen to the attributes. */
export function createAttributeRules(settings: {
  readonly redactor: Redactor | undefined;
  readonly renames: ReadonlyMap<string, string>;
  /** By key. */
  readonly additions: ReadonlyMap<string, { readonly isUpsert: boolean; readonly value: AttributeValue }>;
}): AttributeRules | undefined {
  const { redactor, renames, additions } = settings;
  if (redactor === undefined && renames.size === 0 && additions.size === 0) return undefined;
  const additionKeys = [...additions.keys()];
  const verdictOf = (key: string): KeyVerdict => {
    const rule = redactor?.ruleOfKey(key);
    const renamed = renames.get(key);
    const masked = (name: string) => (rule === undefined ? new Uint8Array(0) : encodePair(name, rule.mask));
    const addition = additionKeys.indexOf(key);
    return {
      isIdle: rule === undefined && renamed === undefined && addition < 0,
      renamed:
        // An attribute without a key has nowhere to put one.
        renamed === undefined || renamed === key || key === ""
          ? undefined
          : {
              name: renamed,
              key: Buffer.from(renamed),
              oldKeys: [...renames].flatMap(([old, name]) => (name === renamed ? [Buffer.from(old)] : [])),
              keyEncoded: encodeText(renamed),
              masked: masked(renamed),
              addition: additionKeys.indexOf(renamed),
            },
      maskRule: rule?.number ?? -1,
      masked: masked(key),
      addition,
    };
  };
  const cacheOf = (find: (key: string) => KeyVerdict) =>
    createBytesCache({
      entriesMax: keysMax,
      lengthMax: keyLengthMax,
      find: (bytes, start, end) => find(textOf(bytes, start, end)),
    });
  return {
    verdicts: cacheOf(verdictOf),
    nested: cacheOf((key) => ({ ...verdictOf(key), renamed: undefined, addition: -1 })),
    texts: redactor?.hasValues === true ? createTextCache({ redactor, rename: undefined }) : undefined,
    redactor: redactor?.hasValues === true ? redactor : undefined,
    hasNested: redactor !== undefined,
    additions: Array.from(additions, ([key, { isUpsert, value }]) => ({
      isUpsert,
      encoded: encodePair(key, value),
    })),
  };
}

/** A KeyValue with its length before it. */
function encodePair(key: string, value: AttributeValue): Uint8Array {
  const pair = encodeAttribute(key, value);
  return Buffer.concat([encodeVarint(pair.length), pair]);
}
