export { createLog, type Log } from "./log.ts";
export {
  createTelemetry,
  type CounterHandle,
  type GaugeHandle,
  type HistogramHandle,
  type Telemetry,
  type TelemetrySnapshot,
} from "./telemetry.ts";
