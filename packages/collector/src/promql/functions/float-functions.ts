import { addRow, cellKinds, createBlock, type Block } from "../block.ts";
import { goMax, goMin } from "../go-float.ts";

/** Functions of one float, by name. */
export const floatFunctions: ReadonlyMap<string, (value: number) => number> = new Map<
  string,
  (value: number) => number
>([
  ["abs", Math.abs],
  ["ceil", Math.ceil],
  ["floor", Math.floor],
  ["exp", Math.exp],
  ["sqrt", Math.sqrt],
  ["ln", Math.log],
  ["log2", Math.log2],
  ["log10", Math.log10],
  ["sin", Math.sin],
  ["cos", Math.cos],
  ["tan", Math.tan],
  ["asin", Math.asin],
  ["acos", Math.acos],
  ["atan", Math.atan],
  ["sinh", Math.sinh],
  ["cosh", Math.cosh],
  ["tanh", Math.tanh],
  ["asinh", Math.asinh],
  ["acosh", Math.acosh],
  ["atanh", Math.atanh],
  ["rad", (value) => (value * Math.PI) / 180],
  ["deg", (value) => (value * 180) / Math.PI],
  ["sgn", (value) => (value < 0 ? -1 : value > 0 ? 1 : value)],
]);

/** Functions of a float and one or two numbers that go with the step, by name; undefined leaves the sample out. */
export const parameterFunctions: ReadonlyMap<
  string,
  (value: number, parameters: readonly number[]) => number | undefined
> = new Map<string, (value: number, parameters: readonly number[]) => number | undefined>([
  [
    "clamp",
    (value, [lower = 0, upper = 0]) => (upper < lower ? undefined : goMax(lower, goMin(upper, value))),
  ],
  ["clamp_min", (value, [lower = 0]) => goMax(lower, value)],
  ["clamp_max", (value, [upper = 0]) => goMin(upper, value)],
  [
    "round",
    (value, [nearest = 1]) => {
      // Going through the inverse gives 0.1 its nearest multiples.
      const inverse = 1 / nearest;
      return Math.floor(value * inverse + 0.5) / inverse;
    },
  ],
]);

/** Applies a function to every float of the block, in place; histograms are left out, and so are names at the end. */
export function mapFloats(block: Block, apply: (value: number, step: number) => number | undefined): Block {
  const { stepCount } = block;
  for (let row = 0; row < block.labels.length; row += 1) {
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      if (block.kinds[cell] === cellKinds.none) continue;
      const value = block.kinds[cell] === cellKinds.float ? apply(block.values[cell]!, step) : undefined;
      if (value === undefined) block.kinds[cell] = cellKinds.none;
      else block.values[cell] = value;
    }
  }
  block.histograms = undefined;
  block.dropsName.fill(true);
  return block;
}

/** A vector of one series without labels. */
export function unlabelled(values: Float64Array): Block {
  const block = createBlock(values.length, 1);
  addRow(block, [], false);
  block.values.set(values);
  block.kinds.fill(cellKinds.float, 0, values.length);
  return block;
}

/** The one float at each step; NaN where there is none or more than one. */
export function toScalar(block: Block): Float64Array {
  const { stepCount } = block;
  const values = new Float64Array(stepCount).fill(Number.NaN);
  const counts = new Uint32Array(stepCount);
  for (let row = 0; row < block.labels.length; row += 1) {
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      if (block.kinds[cell] !== cellKinds.float) continue;
      counts[step]! += 1;
      values[step] = counts[step] === 1 ? block.values[cell]! : Number.NaN;
    }
  }
  return values;
}
