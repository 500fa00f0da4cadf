/** The k best values of those offered, the worst of them at the root of a binary heap; NaN is the worst of all. */
export interface TopHeap {
  offer(row: number, value: number): void;
  /** Rows from the best to the worst. */
  sorted(): number[];
}

/** A heap for the greatest values (`isTop`) or the least; of equal values the earlier ones stay. */
export function createTopHeap(k: number, isTop: boolean): TopHeap {
  const rows: number[] = [];
  const values: number[] = [];
  const isWorse = (left: number, right: number): boolean =>
    left !== left || (isTop ? left < right : left > right);
  const swap = (left: number, right: number): void => {
    [rows[left], rows[right]] = [rows[right]!, rows[left]!];
    [values[left], values[right]] = [values[right]!, values[left]!];
  };

  function rise(from: number): void {
    for (let index = from; index > 0;) {
      const parent = (index - 1) >> 1;
      if (!isWorse(values[index]!, values[parent]!)) return;
      swap(index, parent);
      index = parent;
    }
  }

  function sink(): void {
    for (let index = 0; ;) {
      let child = 2 * index + 1;
      if (child >= values.length) return;
      if (child + 1 < values.length && isWorse(values[child + 1]!, values[child]!)) child += 1;
      if (!isWorse(values[child]!, values[index]!)) return;
      swap(index, child);
      index = child;
    }
  }

  return {
    offer(row, value) {
      if (rows.length < k) {
        rows.push(row);
        values.push(value);
        rise(rows.length - 1);
        return;
      }
      const worst = values[0]!;
      const beats = (isTop ? worst < value : worst > value) || (worst !== worst && value === value);
      if (!beats) return;
      rows[0] = row;
      values[0] = value;
      sink();
    },
    sorted() {
      const order = rows.map((_row, index) => index);
      order.sort((left, right) => {
        const a = values[left]!;
        const b = values[right]!;
        if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
        return isTop ? (a < b ? 1 : a > b ? -1 : 0) : a < b ? -1 : a > b ? 1 : 0;
      });
      return order.map((index) => rows[index]!);
    },
  };
}
