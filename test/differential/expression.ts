import type { Random } from "./random.ts";

const ofVector =
  "abs ceil floor exp sqrt ln log2 log10 sgn deg rad sin cos tanh absent timestamp minute day_of_week day_of_year days_in_month month year hour sort sort_desc".split(
    " ",
  );
const ofRange =
  "rate increase delta irate idelta changes resets deriv sum_over_time avg_over_time min_over_time max_over_time count_over_time last_over_time first_over_time present_over_time absent_over_time stddev_over_time stdvar_over_time mad_over_time ts_of_max_over_time ts_of_min_over_time ts_of_first_over_time ts_of_last_over_time".split(
    " ",
  );

export interface ExpressionSettings {
  readonly random: Random;
  /** Times for the `@` modifier, seconds. */
  readonly times: readonly number[];
  /** How deep expressions stand in one another. */
  readonly depth: number;
}

/**
 * A random expression that mostly type-checks: every function, operator and aggregation whose result is determined.
 * Left out: topk, bottomk and limitk, which choose among equals as it comes, and what needs native histograms.
 */
export function randomExpression({ random, times, depth: depthMax }: ExpressionSettings): string {
  const { chance, pick } = random;
  const number = () => String(random.whole(10));
  const range = () => pick(["30s", "1m", "2m", "5m", "90s", "3m30s"]);
  const labels = () => ["l", "i", "e", "le", "__name__"].filter(() => chance(0.3)).join(", ");
  const at = () => pick(["start()", "end()", ...times.map(String)]);
  const modifiers = () =>
    (chance(0.15) ? ` offset ${pick(["", "-"])}${range()}` : "") + (chance(0.1) ? ` @ ${at()}` : "");
  const grouping = () => pick(["", ` by (${labels()})`, ` without (${labels()})`]);
  const selector = () => {
    if (chance(0.06))
      return `{__name__=~"${pick(["a_total|b_total", ".*_total", "gauge|other", "(a|g).+"])}"}`;
    const name = pick(["a_total", "b_total", "gauge", "other", "lat_bucket"]);
    if (!chance(0.35)) return name;
    const label = chance(0.1) ? "e" : pick(name === "lat_bucket" ? ["j", "le"] : ["l", "i"]);
    const value = pick(["x|y|1|p", "y", "0", "1", ".*", "", "p", ".+", "[x-y1]", "(?i)X|0"]);
    return `${name}{${label}${pick(["=", "!=", "=~", "=~", "!~"])}"${value}"}`;
  };
  const ranged = (depth: number) => {
    if (chance(0.25) && depth > 0) {
      const step = chance(0.7) ? pick(["15s", "30s", "1m"]) : "";
      return `(${vector(depth - 1)})[${range()}:${step}]${modifiers()}`;
    }
    const extension = chance(0.06) ? pick([" anchored", " smoothed"]) : "";
    return `${selector()}[${range()}]${extension}${modifiers()}`;
  };
  const scalar = (depth: number): string => {
    const leaves = [
      number,
      () => "0.5",
      () => "-1.5",
      () => "time()",
      () => "pi()",
      () => "NaN",
      () => "Inf",
    ];
    if (depth <= 0) return pick(leaves)();
    return pick([
      ...leaves,
      () => `scalar(${vector(depth - 1)})`,
      () => `(${scalar(depth - 1)} ${pick(["+", "*", "/", "^", "%"])} ${scalar(depth - 1)})`,
    ])();
  };
  const matching = () =>
    pick([
      "",
      `on (${labels()}) `,
      `ignoring (${labels()}) `,
      "on (l, i) group_left (e) ",
      "on (i) group_left () ",
      "ignoring (e, l) group_right () ",
      "on (l, i) fill (1) ",
      "on (l, i) fill_left (2) ",
    ]);
  const arithmetic = ["+", "-", "*", "/", "%", "^"];
  const comparison = ["==", "!=", ">", "<", ">=", "<=", "> bool", "== bool"];
  const vector = (depth: number): string => {
    if (depth <= 0) {
      if (chance(0.8)) return selector() + modifiers();
      return `${pick(["rate", "increase", "sum_over_time", "last_over_time"])}(${selector()}[${range()}])`;
    }
    const inner = () => vector(depth - 1);
    const one = () => scalar(depth - 1);
    return pick([
      () => selector() + modifiers(),
      () => `${pick(ofRange)}(${ranged(depth - 1)})`,
      () => `${pick(ofRange)}(${ranged(depth - 1)})`,
      () => `${pick(ofVector)}(${inner()})`,
      () =>
        `${pick(["sum", "avg", "min", "max", "count", "stddev", "stdvar", "group"])}${grouping()} (${inner()})`,
      () => `${pick(["sum", "avg", "min", "max", "count"])}${grouping()} (${inner()})`,
      () => `quantile${grouping()} (${pick(["0.5", "0.9", "0", "1", "1.2", "NaN"])}, ${inner()})`,
      () => `count_values by (${labels()}) ("v", ${chance(0.5) ? selector() : `round(${inner()}, 0.01)`})`,
      () => `${inner()} ${pick([...arithmetic, ...comparison, "atan2"])} ${matching()}${inner()}`,
      () =>
        `${inner()} ${pick(["and", "or", "unless"])} ${pick(["", `on (${labels()}) `, `ignoring (${labels()}) `])}${inner()}`,
      () => `${inner()} ${pick([...arithmetic, ...comparison])} ${one()}`,
      () => `${one()} ${pick([...arithmetic, ">", "< bool"])} ${inner()}`,
      () => `-${inner()}`,
      () => `(${inner()})`,
      () => `histogram_quantile(${pick(["0.5", "0.9", "0", "1", "-1", "2"])}, ${inner()})`,
      () =>
        `histogram_quantile(${pick(["0.5", "0.99"])}, sum by (${pick(["le", "le, j"])}) (rate(lat_bucket[2m])))`,
      () =>
        `histogram_fraction(${pick(["0", "0.5", "-Inf"])}, ${pick(["2", "Inf", "0.7"])}, rate(lat_bucket[2m]))`,
      () => `histogram_quantiles(lat_bucket, "q", 0.5, ${pick(["0.9", "1", "0.123"])})`,
      () => `clamp(${inner()}, ${one()}, ${one()})`,
      () => `${pick(["clamp_max", "clamp_min"])}(${inner()}, ${one()})`,
      () => `round(${inner()}, ${pick(["0.5", "10", "0.1"])})`,
      () =>
        `label_replace(${inner()}, "${pick(["e", "n", "l", "__name__"])}", "${pick(["$1", "a-$1", ""])}", "${pick(["l", "i", "__name__"])}", "${pick(["(.*)", "(x|y)", "(", "[0-9]+"])}")`,
      () => `label_join(${inner()}, "n", "-", "l", "i")`,
      () => `predict_linear(${ranged(depth - 1)}, ${pick(["60", "3600"])})`,
      () => `quantile_over_time(${pick(["0.5", "0.1", "2"])}, ${ranged(depth - 1)})`,
      () => `double_exponential_smoothing(${ranged(depth - 1)}, 0.5, 0.3)`,
      () => `vector(${one()})`,
      () => `${pick(["sort_by_label", "sort_by_label_desc"])}(${inner()}, "l", "i")`,
      () => `limit_ratio(${pick(["0.5", "-0.5", "0.3"])}, ${inner()})`,
    ])();
  };
  return chance(0.05) ? scalar(depthMax) : vector(depthMax);
}
