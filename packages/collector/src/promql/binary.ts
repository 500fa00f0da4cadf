import { evaluateScalar, evaluateVector, type Value } from "./value.ts";
import { cellKinds, clearCell, setFloat, setHistogram, type Block, type Steps } from "./block.ts";
import { operateOnElements } from "./element-operation.ts";
import {
  arithmetic,
  comparison,
  createFloatOperation,
  isArithmetic,
  isFloatComparison,
} from "./float-operation.ts";
import { settleNames } from "./names.ts";
import { isSetOperator } from "./parse-operator.ts";
import type { BinaryPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";
import { combineSets } from "./set-operation.ts";
import { matchVectors } from "./vector-matching.ts";

function ofScalars(plan: BinaryPlan, left: Float64Array, right: Float64Array): Float64Array {
  const { operator } = plan;
  if (isArithmetic(operator)) {
    const apply = arithmetic[operator];
    return left.map((value, step) => apply(value, right[step]!));
  }
  if (!isFloatComparison(operator)) throw new Error(`operator ${operator} is not for scalars`);
  const holds = comparison[operator];
  return left.map((value, step) => (holds(value, right[step]!) ? 1 : 0));
}

/** A vector with a scalar; the vector's block takes the result. */
function withScalar(
  state: QueryState,
  plan: BinaryPlan,
  { block, scalar, isScalarLeft }: { block: Block; scalar: Float64Array; isScalarLeft: boolean },
): Block {
  const { operator, returnBool } = plan;
  const { stepCount } = block;
  const isCalculation = isArithmetic(operator);
  const operate = createFloatOperation(operator, returnBool);
  for (let row = 0; row < block.labels.length; row += 1) {
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      const kind = block.kinds[cell];
      if (kind === cellKinds.none) continue;
      const number = scalar[step]!;
      if (kind === cellKinds.float && operate !== undefined) {
        const value = block.values[cell]!;
        const operated = isScalarLeft ? operate(number, value) : operate(value, number);
        if (operated === undefined) block.kinds[cell] = cellKinds.none;
        else if (isCalculation || returnBool) block.values[cell] = operated;
        continue;
      }
      const sample = kind === cellKinds.float ? block.values[cell]! : block.histograms!.get(cell)!;
      const result = isScalarLeft
        ? operateOnElements(operator, number, sample)
        : operateOnElements(operator, sample, number);
      if (result.kind === "none") {
        note(state, plan, result.note);
        clearCell(block, cell);
        continue;
      }
      if (returnBool) {
        clearCell(block, cell);
        setFloat(block, cell, result.keeps ? 1 : 0);
      } else if (!result.keeps) clearCell(block, cell);
      else if (isCalculation || operator === "</" || operator === ">/") {
        if (typeof result.value === "number") setFloat(block, cell, result.value);
        else setHistogram(block, cell, result.value);
      }
    }
  }
  if (!isCalculation && !returnBool) return block;
  block.dropsName.fill(true);
  return settleNames(state, block);
}

function note(
  state: QueryState,
  plan: BinaryPlan,
  { level, message }: { readonly level: "warning" | "info"; readonly message: string },
): void {
  if (level === "warning") state.annotations.warn(message, plan.span);
  else state.annotations.info(message, plan.span);
}

/** A binary operation of any kind. */
export function evaluateBinary(state: QueryState, plan: BinaryPlan, steps: Steps): Value {
  const isLeftScalar = plan.leftType === "scalar";
  const isRightScalar = plan.rightType === "scalar";
  if (isLeftScalar && isRightScalar) {
    const left = evaluateScalar(state, plan.left, steps);
    return { kind: "scalar", values: ofScalars(plan, left, evaluateScalar(state, plan.right, steps)) };
  }
  if (isLeftScalar || isRightScalar) {
    const scalar = evaluateScalar(state, isLeftScalar ? plan.left : plan.right, steps);
    const block = evaluateVector(state, isLeftScalar ? plan.right : plan.left, steps);
    return { kind: "vector", block: withScalar(state, plan, { block, scalar, isScalarLeft: isLeftScalar }) };
  }
  const left = evaluateVector(state, plan.left, steps);
  const right = evaluateVector(state, plan.right, steps);
  const { operator } = plan;
  if (isSetOperator(operator)) {
    return { kind: "vector", block: combineSets(operator, plan.matching, left, right) };
  }
  return { kind: "vector", block: matchVectors(state, plan, left, right) };
}
