export { findToken, isAuthorized } from "./authorization.ts";
export type { AlertEvent, EvidenceTrace } from "./alert.ts";
export { blockSizeFor, isBlockSize } from "./block-size.ts";
export { systemClock, type Clock } from "./clock.ts";
export { CollectorError, hasCode, type ErrorCode } from "./errors.ts";
export { exporterConsumer, streamOfSignal, type ExporterType, type Signal } from "./exporter-signal.ts";
export { lazyRequire } from "./lazy-require.ts";
export { freeMemory } from "./free-memory.ts";
export { http } from "./node-http.ts";
export {
  combineHistograms,
  compactHistogram,
  divideHistogram,
  emptiedHistogram,
  hintsCollide,
  histogramsEqual,
  noBuckets,
  reduceSide,
  scaleHistogram,
  toSchema,
  widerZeroBucket,
} from "./histogram-arithmetic.ts";
export {
  allBuckets,
  exponentialBound,
  negativeBuckets,
  positiveBuckets,
  usesCustomBuckets,
  zeroBucket,
  type Bucket,
} from "./histogram-bounds.ts";
export { boundsMatch, commonBounds, onBounds } from "./histogram-custom-bounds.ts";
export {
  customBucketsSchema,
  type CounterResetHint,
  type HistogramBuckets,
  type NativeHistogram,
} from "./histogram.ts";
export {
  streams,
  type AccountingReader,
  type DeadLetterReason,
  type DeadLetters,
  type JournalBatch,
  type JournalRecord,
  type Lag,
  type Lost,
  type Position,
  type Quarantine,
  type Stream,
  type StreamReader,
  type StreamWriter,
} from "./journal.ts";
export {
  labelsFromRecord,
  labelsKey,
  labelsToRecord,
  labelValue,
  metricNameLabel,
  type Labels,
} from "./labels.ts";
export { compileMatcher, type Matcher, type MatchOperator } from "./matcher.ts";
export {
  isStaleAt,
  setStaleAt,
  type HeadStatistics,
  type MetricMetadata,
  type Queryable,
  type SelectOptions,
  type SeriesExemplars,
  type SeriesSamples,
  type TimeRange,
} from "./query.ts";
export {
  conditionFields,
  type AttributeLevel,
  type AttributeValue,
  type Condition,
  type ConditionField,
  type DropRule,
  type Processed,
  type ProcessRules,
  type ProcessSignal,
  type RedactPlace,
  type RedactRule,
  type RequestProcess,
} from "./process-rules.ts";
export { compileExpression, compileWholeExpression, re2 } from "./expression.ts";
export { severityOfNumber, severityOfText, severityTexts } from "./severity.ts";
export {
  metricFamilyName,
  type Exemplar,
  type HistogramWrite,
  type MetricType,
  type SampleWrite,
  type SeriesMemo,
  type SeriesWrite,
} from "./series.ts";
export { languageFeatureNames, type LanguageFeature } from "./language.ts";
export { nearest } from "./nearest.ts";
export type { TlsIdentity } from "./tls.ts";
export { watchFiles } from "./watched-files.ts";
