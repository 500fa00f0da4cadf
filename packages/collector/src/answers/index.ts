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
export { answerTrace } from "./trace.ts";
