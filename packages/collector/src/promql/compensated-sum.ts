/** A sum with Neumaier's compensation: add to it, read `sum` and `compensation` apart or together. */
export class CompensatedSum {
  sum: number;
  compensation = 0;

  constructor(sum = 0) {
    this.sum = sum;
  }

  add(value: number): void {
    const { sum } = this;
    const total = sum + value;
    // An infinite sum has no error to carry on.
    if (total === Infinity || total === -Infinity) this.compensation = 0;
    else if (Math.abs(sum) >= Math.abs(value)) this.compensation += sum - total + value;
    else this.compensation += value - total + sum;
    this.sum = total;
  }

  total(): number {
    return this.sum + this.compensation;
  }
}

/**
 * The mean of some values: of their sum as long as that does not overflow, after that value by value.
 * @see Prometheus issue 16714 on why the direct mean comes first
 */
export class CompensatedMean {
  private readonly running: CompensatedSum;
  private count = 1;
  private isIncremental = false;

  constructor(first: number) {
    this.running = new CompensatedSum(first);
  }

  add(value: number): void {
    const { running } = this;
    this.count += 1;
    if (!this.isIncremental) {
      const { sum, compensation } = running;
      running.add(value);
      if (running.sum !== Infinity && running.sum !== -Infinity) return;
      this.isIncremental = true;
      running.sum = sum / (this.count - 1);
      running.compensation = compensation / (this.count - 1);
    }
    const share = (this.count - 1) / this.count;
    running.sum *= share;
    running.compensation *= share;
    running.add(value / this.count);
  }

  mean(): number {
    const { sum, compensation } = this.running;
    return this.isIncremental ? sum + compensation : sum / this.count + compensation / this.count;
  }
}
