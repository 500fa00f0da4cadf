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
      "predict_linear over a subquery with @: Prometheus 3.14 gives nothing, where deriv over the same subquery gives a slope for each series; here both give what the subquery's samples say",
    concerns: ({ text }) => /predict_linear\(\(.*\)\[[^\]]*:[^\]]*\][^,]* @ /.test(text),
  },
  {
    reason:
      "count_values writes all digits of a value into a label: where the last digit of a power, an exponential or an angle's function is another in Go's library than in V8's, the label is another",
    concerns: ({ text }) =>
      /count_values/.test(text) && /\^|atan2|\b(exp|ln|log2|log10|sin|cos|tanh)\(/.test(text),
  },
];

/** The reason why both may answer the question differently; undefined when they must not. */
export function knownReason(question: Question): string | undefined {
  return knownDifferences.find(({ concerns }) => concerns(question))?.reason;
}
