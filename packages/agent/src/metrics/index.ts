export { createAgentCounters, type Signal } from "./agent-counters.ts";
export { encodeMetric, type TimedFamily } from "./encode-metric.ts";
export { expositionContentType, formatExposition } from "./exposition.ts";
export { createMetricCollector } from "./collector.ts";
export { createProcessMetrics } from "./process-metrics.ts";
export { createMetricPush } from "./push.ts";
export { createRequestHistogram } from "./request-histogram.ts";
export { createScrapeWatch } from "./scrape-watch.ts";
export { createServiceRegistry } from "./service-registry.ts";
