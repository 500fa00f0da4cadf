/** The exact decimal digits of a finite number >= 0: `digits` with the point after the first `pointAt` of them. */
interface Decimal {
  readonly digits: string;
  readonly pointAt: number;
}

function exactDecimal(value: number): Decimal {
  if (value === 0) return { digits: "", pointAt: 0 };
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponentBits = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  const mantissa = exponentBits === 0 ? fraction : fraction | (1n << 52n);
  const exponent = (exponentBits === 0 ? 1 : exponentBits) - 1075;
  if (exponent >= 0) {
    const digits = (mantissa << BigInt(exponent)).toString();
    return { digits, pointAt: digits.length };
  }
  // 2^-k is 5^k / 10^k, so the fraction ends after k digits.
  const digits = (mantissa * 5n ** BigInt(-exponent)).toString();
  return { digits, pointAt: digits.length + exponent };
}

/** Rounds to `count` digits, ties to even, as Go's strconv does; JavaScript's own toFixed rounds ties up. */
function round(decimal: Decimal, count: number): Decimal {
  if (count >= decimal.digits.length) return decimal;
  if (count < 0) return { digits: "", pointAt: decimal.pointAt };
  const kept = decimal.digits.slice(0, count);
  const rest = decimal.digits.slice(count);
  const isTie = /^50*$/.test(rest);
  const isUp = isTie ? Number(kept.at(-1) ?? "0") % 2 === 1 : rest[0]! >= "5";
  if (!isUp) return { digits: kept, pointAt: decimal.pointAt };
  const raised = (BigInt(kept || "0") + 1n).toString().padStart(kept.length, "0");
  const carried = raised.length - kept.length;
  return { digits: raised, pointAt: decimal.pointAt + carried };
}

/** The fewest digits that read back as the same number. */
function shortestDecimal(value: number): Decimal {
  if (value === 0) return { digits: "", pointAt: 0 };
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  return { digits: mantissa.replace(".", ""), pointAt: Number(exponent) + 1 };
}

function showFixed({ digits, pointAt }: Decimal, precision: number): string {
  const whole = pointAt > 0 ? digits.slice(0, pointAt).padEnd(pointAt, "0") : "0";
  if (precision === 0) return whole;
  const fraction = pointAt > 0 ? digits.slice(pointAt) : "0".repeat(-pointAt) + digits;
  return `${whole}.${fraction.slice(0, precision).padEnd(precision, "0")}`;
}

function showExponent({ digits, pointAt }: Decimal, precision: number): string {
  const exponent = digits === "" ? 0 : pointAt - 1;
  const fraction = precision > 0 ? `.${digits.slice(1, precision + 1).padEnd(precision, "0")}` : "";
  const sign = exponent < 0 ? "-" : "+";
  return `${digits[0] ?? "0"}${fraction}e${sign}${Math.abs(exponent).toString().padStart(2, "0")}`;
}

/**
 * A float64 as Go's strconv.FormatFloat writes it.
 * @param precision digits after the point for e and f, significant digits for g; -1 means as few as are exact
 */
export function formatFloat(value: number, format: "e" | "f" | "g", precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  const isShortest = precision < 0;
  const all = isShortest ? shortestDecimal(size) : exactDecimal(size);
  switch (format) {
    case "e": {
      const wanted = isShortest ? Math.max(0, all.digits.length - 1) : precision;
      return sign + showExponent(round(all, wanted + 1), wanted);
    }
    case "f": {
      const wanted = isShortest ? Math.max(0, all.digits.length - all.pointAt) : precision;
      return sign + showFixed(round(all, all.pointAt + wanted), wanted);
    }
    case "g": {
      // The shortest form turns to an exponent at six digits, a given precision at its own number.
      const wanted = isShortest ? 6 : precision || 1;
      const decimal = isShortest ? all : round(all, wanted);
      const significant = decimal.digits.replace(/0+$/, "");
      const trimmed = { digits: significant, pointAt: decimal.pointAt };
      const exponent = significant === "" ? 0 : decimal.pointAt - 1;
      if (exponent < -4 || exponent >= wanted) {
        return sign + showExponent(trimmed, Math.max(0, significant.length - 1));
      }
      return sign + showFixed(trimmed, Math.max(0, significant.length - decimal.pointAt));
    }
  }
}
