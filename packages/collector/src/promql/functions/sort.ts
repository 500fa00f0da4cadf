import { labelValue, type Labels } from "../../model/index.ts";
import { cellKinds, selectRows, type Block } from "../block.ts";
import { compareLabels } from "../label-edit.ts";

/** sort and sort_desc: floats by value, NaN last, in an instant query; histograms are left out in any. */
export function sortByValue(block: Block, isInstant: boolean, direction: 1 | -1): Block {
  if (!isInstant) {
    for (const cell of block.histograms?.keys() ?? []) block.kinds[cell] = cellKinds.none;
    block.histograms = undefined;
    return block;
  }
  const rows = block.labels.map((_labels, row) => row).filter((row) => block.kinds[row] === cellKinds.float);
  const value = (row: number): number => block.values[row]!;
  rows.sort((left, right) => {
    const a = value(left);
    const b = value(right);
    if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
    return a === b ? 0 : direction * (a < b ? -1 : 1);
  });
  return selectRows(block, rows);
}

const digits = /^\d+/;

/** Order in which 2 comes before 10: runs of digits by their value, the rest by characters. */
export function compareNatural(left: string, right: string): number {
  const a = left.match(/\d+|\D+/g) ?? [];
  const b = right.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const one = a[index]!;
    const other = b[index]!;
    if (one === other) continue;
    if (digits.test(one) && digits.test(other)) {
      const difference = Number(one) - Number(other);
      if (difference !== 0) return difference;
      continue;
    }
    return one < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** sort_by_label and sort_by_label_desc of an instant query; series equal in these labels go by all their labels. */
export function sortByLabels(block: Block, names: readonly string[], direction: 1 | -1): Block {
  const compare = (left: Labels, right: Labels): number => {
    for (const name of names) {
      const order = compareNatural(labelValue(left, name), labelValue(right, name));
      if (order !== 0) return direction * order;
    }
    return direction * compareLabels(left, right);
  };
  const rows = block.labels.map((_labels, row) => row);
  rows.sort((left, right) => compare(block.labels[left]!, block.labels[right]!));
  return selectRows(block, rows);
}
