import type { ValueType } from "./ast.ts";

export interface Signature {
  readonly args: readonly ValueType[];
  /** 0: exactly `args`; n > 0: the last of `args` is optional or may occur up to n times; -1: any number of times, even none. */
  readonly variadic: number;
  readonly returns: "scalar" | "instant vector";
  readonly isExperimental: boolean;
}

const letters: Readonly<Record<string, ValueType>> = {
  v: "instant vector",
  m: "range vector",
  s: "scalar",
  t: "string",
};

// One line a group: argument letters, then the names.
const plain: readonly (readonly [string, string])[] = [
  [
    "v",
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp",
  ],
  [
    "m",
    "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time",
  ],
  ["vss", "clamp"],
  ["vs", "clamp_max clamp_min"],
  ["ssv", "histogram_fraction"],
  ["sv", "histogram_quantile"],
  ["vtttt", "label_replace"],
  ["ms", "predict_linear"],
  ["sm", "quantile_over_time"],
  ["s", "vector"],
];

const table = new Map<string, Signature>();

function define(
  names: string,
  args: string,
  options: { returns?: "scalar"; variadic?: number; isExperimental?: boolean } = {},
): void {
  for (const name of names.split(" ")) {
    table.set(name, {
      args: args.split("").map((letter) => letters[letter]!),
      variadic: options.variadic ?? 0,
      returns: options.returns ?? "instant vector",
      isExperimental: options.isExperimental ?? false,
    });
  }
}

for (const [args, names] of plain) define(names, args);
define("days_in_month day_of_month day_of_week day_of_year hour minute month year", "v", { variadic: 1 });
define("round", "vs", { variadic: 1 });
define("label_join", "vttt", { variadic: -1 });
define("pi time", "", { returns: "scalar" });
define("scalar", "v", { returns: "scalar" });
define("end range start step", "", { returns: "scalar", isExperimental: true });
define("max_of min_of", "ss", { returns: "scalar", isExperimental: true });
define("double_exponential_smoothing", "mss", { isExperimental: true });
define("histogram_quantiles", "vtss", { variadic: 9, isExperimental: true });
define("info", "vv", { variadic: 1, isExperimental: true });
define(
  "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time",
  "m",
  {
    isExperimental: true,
  },
);
define("sort_by_label sort_by_label_desc", "vt", { variadic: -1, isExperimental: true });
define("start_timestamp", "v", { isExperimental: true });

/** Every function of PromQL in Prometheus 3.14 with its arguments. */
export const signatures: ReadonlyMap<string, Signature> = table;
