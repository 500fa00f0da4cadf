export { parseConfig, type CollectorConfig, type ExporterConfig } from "./config.ts";
export { configSchema } from "./schema.ts";
export { openTokens } from "./tokens.ts";
export { parseAddress } from "./units.ts";
