export { createLog, type Log } from "./log.ts";
export { createSelfSeries, type SelfSeries } from "./self-series.ts";
export {
  createTelemetry,
  type CounterHandle,
  type GaugeHandle,
  type HistogramHandle,
  type Telemetry,
  type TelemetrySnapshot,
} from "./telemetry.ts";
