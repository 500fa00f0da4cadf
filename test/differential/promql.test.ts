import { expect, test } from "vitest";
import { describeWithParts, startPrometheus } from "../parts/index.ts";
import { differenceOf } from "./compare.ts";
import { askOurs, askPrometheus, loadPrometheus, ourStore, type Question } from "./engines.ts";
import { randomExpression } from "./expression.ts";
import { knownReason } from "./known-differences.ts";
import { createRandom, type Random } from "./random.ts";
import { randomSeries } from "./series.ts";
import { isLong } from "../support/index.ts";

const queryCount = Number(process.env["QUARTET_DIFFERENTIAL_QUERIES"] ?? (isLong ? 50_000 : 2_000));
/** Another seed asks other questions; a failure prints its own. */
const seed = Number(process.env["QUARTET_DIFFERENTIAL_SEED"] ?? 1);
const queriesPerDataSet = 50;
const queriesAtOnce = 8;

/** Data sets lie this far apart, further than any query looks back. */
const dataSetGapMs = 2 * 3_600_000;
const firstDataSetMs = Date.UTC(2024, 0, 31, 12);

function randomQuestion(
  random: Random,
  { baseMs, gapMs }: { readonly baseMs: number; readonly gapMs: number },
): Question {
  const { whole, chance, pick } = random;
  const startMs = baseMs + whole(24) * (gapMs / 2);
  return {
    text: randomExpression({ random, times: [baseMs / 1_000 + 120, baseMs / 1_000 + 300.5], depth: 3 }),
    startMs,
    endMs: startMs + whole(10) * gapMs + whole(2) * 7_000,
    stepMs: chance(0.4) ? undefined : pick([15_000, 30_000, 60_000, 45_000]),
  };
}

describeWithParts("our PromQL beside Prometheus", ["prometheus"], () => {
  test(
    `${queryCount} random expressions over random series give the same in both`,
    { timeout: isLong ? 3_600_000 : 240_000 },
    async () => {
      await using prometheus = await startPrometheus({
        config: {},
        flags: [
          "--web.enable-remote-write-receiver",
          "--storage.tsdb.retention.time=50y",
          "--enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers",
        ],
      });
      const differences: string[] = [];
      const known = new Map<string, number>();
      let errors = 0;
      let empty = 0;
      for (let asked = 0, dataSet = 0; asked < queryCount; dataSet += 1) {
        const random = createRandom(seed * 1_000_003 + dataSet);
        const baseMs = firstDataSetMs + dataSet * dataSetGapMs;
        const gapMs = random.pick([15_000, 30_000, 60_000]);
        const writes = randomSeries({ random, startMs: baseMs, gapMs });
        await loadPrometheus(prometheus.url, writes);
        const store = ourStore(writes, baseMs + 3_600_000);
        const questions = Array.from({ length: Math.min(queriesPerDataSet, queryCount - asked) }, () =>
          randomQuestion(random, { baseMs, gapMs }),
        );
        asked += questions.length;
        const ask = async (question: Question): Promise<void> => {
          const expected = await askPrometheus(prometheus.url, question);
          const difference = differenceOf(expected, askOurs(store, question));
          const reason = difference === undefined ? undefined : knownReason(question);
          if (reason !== undefined) known.set(reason, (known.get(reason) ?? 0) + 1);
          else if (difference !== undefined) {
            const { text, ...times } = question;
            differences.push(`${text}\n  ${JSON.stringify({ seed, dataSet, ...times })}\n  ${difference}`);
          }
          if (expected.kind === "error") errors += 1;
          else if (expected.series.size === 0) empty += 1;
        };
        while (questions.length > 0) await Promise.all(questions.splice(0, queriesAtOnce).map(ask));
      }
      // Read as one text, each difference is seen with what reproduces it.
      expect(differences.slice(0, 50).join("\n")).toBe("");
      expect(differences).toHaveLength(0);
      for (const [reason, count] of known)
        expect([reason, count / queryCount < 0.005]).toEqual([reason, true]);
      // Questions that both only refuse, or answer with nothing, would prove little.
      expect(errors / queryCount).toBeLessThan(0.25);
      expect(empty / queryCount).toBeLessThan(0.35);
    },
  );
});
