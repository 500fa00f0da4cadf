export { createLogEncoder } from "./encode-log.ts";
export { errorSeverityNumber, type LogEntry } from "./entry.ts";
export { createUncaughtEntry } from "./exception.ts";
export { createLogProcessor } from "./log-processor.ts";
export { createPinoLogs } from "./pino.ts";
export { publishOlderPino } from "./pino-older.ts";
