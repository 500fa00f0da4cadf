import {
  combineHistograms,
  compactHistogram,
  divideHistogram,
  hintsCollide,
  histogramsEqual,
  type NativeHistogram,
  scaleHistogram,
} from "../model/index.ts";
import type { BinaryOperator } from "./ast.ts";
import { arithmetic, comparison, isArithmetic, isFloatComparison } from "./float-operation.ts";
import { trimHistogram } from "./histogram/trim.ts";

export type Sample = number | NativeHistogram;

/** Something to say about an operation on two samples. */
export interface OperationNote {
  readonly level: "warning" | "info";
  readonly message: string;
}

export type ElementResult =
  /** `keeps` is false where a comparison fails; the value is that of the left side then too. */
  | {
      readonly kind: "value";
      readonly value: Sample;
      readonly keeps: boolean;
      readonly note: OperationNote | undefined;
    }
  /** The samples do not go together; `value` is there where only a vector with a vector gives it up. */
  | { readonly kind: "none"; readonly note: OperationNote; readonly value: Sample | undefined };

const kept = (value: Sample): ElementResult => ({ kind: "value", value, keeps: true, note: undefined });

const nameOf = (sample: Sample): string => (typeof sample === "number" ? "float" : "histogram");

function mismatch(operator: BinaryOperator, left: Sample, right: Sample): ElementResult {
  const shown = `${nameOf(left)} ${operator} ${nameOf(right)}`;
  const message = `incompatible sample types encountered for binary operator "${operator}": ${shown}`;
  return { kind: "none", note: { level: "info", message }, value: undefined };
}

function ofHistograms(
  operator: BinaryOperator,
  left: NativeHistogram,
  right: NativeHistogram,
): ElementResult {
  if (operator === "==" || operator === "!=") {
    const isEqual = histogramsEqual(left, right);
    return { kind: "value", value: left, keeps: isEqual === (operator === "=="), note: undefined };
  }
  if (operator !== "+" && operator !== "-") return mismatch(operator, left, right);
  const combined = combineHistograms(left, right, operator === "+" ? 1 : -1);
  if (combined.kind === "incompatible") {
    const message = `incompatible bucket layout encountered for binary operator ${operator}`;
    return { kind: "none", note: { level: "warning", message }, value: undefined };
  }
  const operation = operator === "+" ? "addition" : "subtraction";
  const result = compactHistogram(
    operator === "-" ? { ...combined.histogram, counterResetHint: "gauge" } : combined.histogram,
  );
  if (hintsCollide(left.counterResetHint, right.counterResetHint)) {
    const message = `conflicting counter resets during histogram ${operation}`;
    return { kind: "none", note: { level: "warning", message }, value: result };
  }
  const note: OperationNote | undefined = combined.isReconciled
    ? { level: "info", message: `mismatched custom buckets were reconciled during ${operation}` }
    : undefined;
  return { kind: "value", value: result, keeps: true, note };
}

/** One operator on two samples, floats or histograms. */
export function operateOnElements(operator: BinaryOperator, left: Sample, right: Sample): ElementResult {
  if (typeof left === "number") {
    if (typeof right !== "number") {
      return operator === "*"
        ? kept(compactHistogram(scaleHistogram(right, left)))
        : mismatch(operator, left, right);
    }
    if (isArithmetic(operator)) return kept(arithmetic[operator](left, right));
    if (!isFloatComparison(operator)) return mismatch(operator, left, right);
    return { kind: "value", value: left, keeps: comparison[operator](left, right), note: undefined };
  }
  if (typeof right !== "number") return ofHistograms(operator, left, right);
  if (operator === "*") return kept(compactHistogram(scaleHistogram(left, right)));
  if (operator === "/") return kept(compactHistogram(divideHistogram(left, right)));
  if (operator === "</") return kept(trimHistogram(left, right, "above"));
  if (operator === ">/") return kept(trimHistogram(left, right, "below"));
  return mismatch(operator, left, right);
}
