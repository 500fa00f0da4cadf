import type { ArithmeticOperator, BinaryOperator, ComparisonOperator } from "./ast.ts";

/** x to the power y as Go has it: 1 to any power is 1, and so is -1 to an infinite one. */
export function power(x: number, y: number): number {
  if (x === 1) return 1;
  if (x === -1 && (y === Infinity || y === -Infinity)) return 1;
  return x ** y;
}

export const arithmetic: Readonly<Record<ArithmeticOperator, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
  "^": power,
  atan2: Math.atan2,
};

export const comparison: Readonly<Record<ComparisonOperator, (left: number, right: number) => boolean>> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => left < right,
  ">": (left, right) => left > right,
  "<=": (left, right) => left <= right,
  ">=": (left, right) => left >= right,
};

export const isArithmetic = (operator: BinaryOperator): operator is ArithmeticOperator =>
  Object.hasOwn(arithmetic, operator);

export const isFloatComparison = (operator: BinaryOperator): operator is ComparisonOperator =>
  Object.hasOwn(comparison, operator);

/**
 * The operator on two floats: the result, or undefined where a comparison fails; one that holds gives the left side, or 1
 * and 0 with `bool`. Undefined for operators that floats do not have.
 */
export function createFloatOperation(
  operator: BinaryOperator,
  returnBool: boolean,
): ((left: number, right: number) => number | undefined) | undefined {
  if (isArithmetic(operator)) return arithmetic[operator];
  if (!isFloatComparison(operator)) return undefined;
  const holds = comparison[operator];
  if (returnBool) return (left, right) => (holds(left, right) ? 1 : 0);
  return (left, right) => (holds(left, right) ? left : undefined);
}
