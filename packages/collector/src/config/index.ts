export { parseConfig, type CollectorConfig } from "./config.ts";
export type { ExporterConfig } from "./exporter.ts";
export { resolveFiles } from "./files.ts";
export { configSchema } from "./schema.ts";
export { openTls, type TlsFiles } from "./tls.ts";
export { openTokens } from "./tokens.ts";
export { parseAddress } from "./units.ts";
