import type { Question } from "./engines.ts";

interface KnownDifference {
  /** Why both may differ, and which of them is right. */
  readonly reason: string;
  /** Whether the difference may be this one. */
  readonly concerns: (question: Question) => boolean;
}

/** What is known to differ. A question of these is still asked; its difference is counted and bounded, not a failure. */
const knownDifferences: readonly KnownDifference[] = [
  {
    reason:
      "predict_linear over, or in, a subquery with @: Prometheus 3.14 gives nothing, where deriv in its place gives a slope for each series; here both give what the subquery's samples say",
    concerns: ({ text }) => /predict_linear\(/.test(text) && /\[[^\]]*:[^\]]*\][^,]* @ /.test(text),
  },
  {
    reason:
      "@ on a selector inside a subquery that has @ itself: Prometheus 3.14 gives some of the subquery's steps a value of another time; here all have the value at the time that the selector names, as its documentation says",
    concerns: ({ text }) => /\(.* @ .*\)\[[^\]]*:[^\]]*\][^,]* @ /.test(text),
  },
  {
    reason:
      "The last digit of a power, an exponential or an angle is another in Go's library than in V8's; it shows where digits are made a label, where large numbers lose the rest (remainders, angles), and where a step is (comparisons, rounding)",
    concerns: ({ text: whole }) => {
      const text = whole.replace(/\{[^}]*\}/g, "");
      return (
        /\^|atan2|\b(exp|ln|log2|log10|sin|cos|tanh)\(/.test(text) &&
        /count_values|%|[=<>]|\b(sin|cos|round|floor|ceil|sgn)\(/.test(text)
      );
    },
  },
];

/** The reason why both may answer the question differently; undefined when they must not. */
export function knownReason(question: Question): string | undefined {
  return knownDifferences.find(({ concerns }) => concerns(question))?.reason;
}
