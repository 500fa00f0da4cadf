export { failure, failureOf, success, type Answer } from "./answer.ts";
export { exposeMetrics } from "./metrics.ts";
export type { Parameters } from "./parameters.ts";
export {
  answerExemplars,
  answerFormatQuery,
  answerLabels,
  answerLabelValues,
  answerMetadata,
  answerParseQuery,
  answerQuery,
  answerQueryRange,
  answerSeries,
  type QueryContext,
} from "./prometheus.ts";
export { answerRules } from "./rule-list.ts";
export {
  answerConfig,
  answerFeatures,
  answerFlags,
  answerNothing,
  answerRuntimeInfo,
  answerTsdb,
  type ProcessFacts,
} from "./status.ts";
export { createApi, type Endpoint } from "./server.ts";
export { answerTrace } from "./trace.ts";
