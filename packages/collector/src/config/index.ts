export { parseConfig, type CollectorConfig, type ExporterConfig } from "./config.ts";
export { nearest } from "./nearest.ts";
export { configSchema } from "./schema.ts";
export { openTokens } from "./tokens.ts";
export { isLoopback, parseAddress, parseDurationMs, parseSizeBytes } from "./units.ts";
