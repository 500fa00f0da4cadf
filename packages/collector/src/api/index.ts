export { failure, failureOf, success, type Answer } from "./answer.ts";
export { exposeMetrics } from "./metrics.ts";
export {
  beginningMs,
  durationMs,
  endOfTimeMs,
  inParameter,
  limitOf,
  parameter,
  ParameterError,
  parametersNamed,
  timeMs,
  type Parameters,
} from "./parameters.ts";
export { createApi, type Endpoint } from "./server.ts";
