import { parentPort, workerData } from "node:worker_threads";
import {
  answerExemplars,
  answerFormatQuery,
  answerLabels,
  answerLabelValues,
  answerMetadata,
  answerParseQuery,
  answerQuery,
  answerQueryRange,
  answerSeries,
  answerTrace,
  answerTsdb,
  type QueryContext,
} from "./answers/index.ts";
import { failureOf, type Answer, type Parameters } from "./api/index.ts";
import { readSegments } from "./journal/index.ts";
import { systemClock, type LanguageFeature } from "./model/index.ts";
import { languageOf } from "./promql/index.ts";
import { openHeadReader, openStoreReader, type BlocksHandle, type HeadHandle } from "./store/index.ts";
import { createLog } from "./telemetry/index.ts";
import { giveWay, serveCalls } from "./thread.ts";

/** What the main thread hands over. */
export interface QueryWorkerData {
  readonly head: HeadHandle;
  readonly blocks: BlocksHandle;
  readonly dataDir: string;
  readonly evaluationIntervalMs: number;
  readonly features: readonly LanguageFeature[];
}

const { head, blocks, dataDir, evaluationIntervalMs, features } = workerData as QueryWorkerData;
const headReader = openHeadReader(head);
const log = createLog((line) => process.stderr.write(line), systemClock.nowMs);
const language = languageOf(features);
const queryable = openStoreReader(headReader, blocks, log);

giveWay();

type Endpoint = (parameters: Parameters, context: QueryContext) => Answer;

/** A query's mistakes are answers, so that only a broken thread rejects. */
function serve(endpoint: Endpoint) {
  return (parameters: Parameters, isCancelled: () => boolean): Answer => {
    try {
      return endpoint(parameters, {
        queryable,
        nowMs: systemClock.nowMs,
        isCancelled,
        subqueryStepMs: evaluationIntervalMs,
        language,
      });
    } catch (error) {
      return failureOf(error);
    }
  };
}

serveCalls(parentPort!, {
  query: serve(answerQuery),
  query_range: serve(answerQueryRange),
  query_exemplars: serve(answerExemplars),
  format_query: serve(answerFormatQuery),
  parse_query: serve(answerParseQuery),
  labels: serve(answerLabels),
  label_values: serve(answerLabelValues),
  series: serve(answerSeries),
  metadata: serve(answerMetadata),
  tsdb: serve((parameters) => answerTsdb(parameters, headReader.statistics())),
  trace: serve((parameters, { nowMs, isCancelled }) =>
    answerTrace(parameters, { records: readSegments({ dir: dataDir, stream: "spans" }), nowMs, isCancelled }),
  ),
});
