import { parameter, ParameterError, success, type Answer, type Parameters } from "../api/index.ts";
import {
  labelsToRecord,
  metricNameLabel,
  type HeadStatistics,
  type LanguageFeature,
} from "../model/index.ts";
import { formatDurationMs, languageFeatures, languageOf, queryDefaults } from "../promql/index.ts";

/** What the process knows of itself. */
export interface ProcessFacts {
  /** The configuration as YAML, without secrets. */
  readonly configYaml: string;
  /** "" when there is none. */
  readonly configFile: string;
  readonly dataDir: string;
  readonly listen: string;
  readonly externalUrl: string;
  readonly retentionMs: number;
  /** Of the blocks on disk. */
  readonly sizeBytesMax: number;
  readonly features: readonly LanguageFeature[];
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly workingDirectory: string;
  readonly hostName: string;
  readonly threadCount: number;
  readonly processorCount: number;
  readonly heapBytesMax: number;
}

/** Nothing is scraped and no Alertmanager is called: lists without entries, as Prometheus shows them. */
export const answerNothing: Readonly<
  Record<"targets" | "target_metadata" | "scrape_pools" | "alertmanagers", Answer>
> = {
  targets: success(`{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}`),
  target_metadata: success("[]"),
  scrape_pools: success(`{"scrapePools":[]}`),
  alertmanagers: success(`{"activeAlertmanagers":[],"droppedAlertmanagers":[]}`),
};

/** `GET /api/v1/status/config`. */
export function answerConfig({ configYaml }: ProcessFacts): Answer {
  return success(JSON.stringify({ yaml: configYaml }));
}

/** `GET /api/v1/status/flags`: Prometheus' flags that say something true here, by its names, as texts. */
export function answerFlags(facts: ProcessFacts): Answer {
  return success(
    JSON.stringify({
      "config.file": facts.configFile,
      "enable-feature": facts.features.join(","),
      "query.lookback-delta": formatDurationMs(queryDefaults.lookbackMs),
      "query.max-samples": String(queryDefaults.samplesMax),
      "query.timeout": formatDurationMs(queryDefaults.timeoutMs),
      "storage.tsdb.path": facts.dataDir,
      "storage.tsdb.retention.size": `${facts.sizeBytesMax}B`,
      "storage.tsdb.retention.time": formatDurationMs(facts.retentionMs),
      "web.enable-admin-api": "false",
      "web.enable-lifecycle": "false",
      "web.enable-otlp-receiver": "false",
      "web.enable-remote-write-receiver": "true",
      "web.external-url": facts.externalUrl,
      "web.listen-address": facts.listen,
    }),
  );
}

/** `GET /api/v1/status/runtimeinfo`; threads stand for goroutines, and what only Go has is empty. */
export function answerRuntimeInfo(facts: ProcessFacts): Answer {
  const startTime = new Date(facts.startedAtMs).toISOString();
  return success(
    JSON.stringify({
      startTime,
      CWD: facts.workingDirectory,
      hostname: facts.hostName,
      serverTime: new Date(facts.nowMs).toISOString(),
      // The configuration is read once, at the start, which a broken one ends.
      reloadConfigSuccess: true,
      lastConfigTime: startTime,
      goroutineCount: facts.threadCount,
      GOMAXPROCS: facts.processorCount,
      GOMEMLIMIT: facts.heapBytesMax,
      GOGC: "",
      GODEBUG: "",
      storageRetention: `${formatDurationMs(facts.retentionMs)} or ${facts.sizeBytesMax}B`,
    }),
  );
}

/** `GET /api/v1/features`: what a client may ask for, by Prometheus' names. */
export function answerFeatures({ features }: ProcessFacts): Answer {
  return success(
    JSON.stringify({
      api: {
        admin: false,
        exclude_alerts: true,
        label_values_match: true,
        lifecycle: false,
        otlp_write_receiver: false,
        query_stats: false,
        query_warnings: true,
        remote_write_receiver: true,
        search: false,
        time_range_labels: true,
        time_range_series: true,
      },
      prometheus: { agent_mode: false, auto_reload_config: false, server_mode: true },
      ...languageFeatures(languageOf(features)),
      rules: { concurrent_rule_eval: false, keep_firing_for: true },
      tsdb: { exemplar_storage: true, native_histograms: true },
    }),
  );
}

const listMax = 10_000;

/** What Go shows as the least and the greatest time of a head without samples; a JavaScript number cannot hold them. */
const emptyTimes = `"minTime":9223372036854775807,"maxTime":-9223372036854775808`;

/**
 * `GET /api/v1/status/tsdb`: how many series the head has, and which names and labels make them many.
 * @throws ParameterError
 */
export function answerTsdb(parameters: Parameters, head: HeadStatistics): Answer {
  const limit = listLimit(parameters);
  const seriesOfName = new Map<string, number>();
  const valuesOfLabel = new Map<string, number>();
  const bytesOfLabel = new Map<string, number>();
  const seriesOfPair = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string, count: number) =>
    counts.set(key, (counts.get(key) ?? 0) + count);
  for (const labels of head.series) {
    for (const [name, value] of Object.entries(labelsToRecord(labels))) {
      const pair = `${name}=${value}`;
      if (!seriesOfPair.has(pair)) add(valuesOfLabel, name, 1);
      add(seriesOfPair, pair, 1);
      add(bytesOfLabel, name, Buffer.byteLength(value));
      if (name === metricNameLabel) add(seriesOfName, value, 1);
    }
  }
  const most = (counts: ReadonlyMap<string, number>) =>
    JSON.stringify(
      [...counts]
        .map(([name, value]) => ({ name, value }))
        .sort((left, right) => right.value - left.value)
        .slice(0, limit),
    );
  const times =
    head.minTimeMs === undefined
      ? emptyTimes
      : `"minTime":${head.minTimeMs},"maxTime":${head.maxTimeMs ?? head.minTimeMs}`;
  const stats = `{"numSeries":${head.series.length},"numLabelPairs":${seriesOfPair.size},"chunkCount":${head.blockCount},${times}}`;
  return success(
    `{"headStats":${stats},"seriesCountByMetricName":${most(seriesOfName)},"labelValueCountByLabelName":${most(valuesOfLabel)},"memoryInBytesByLabelName":${most(bytesOfLabel)},"seriesCountByLabelValuePair":${most(seriesOfPair)}}`,
  );
}

function listLimit(parameters: Parameters): number {
  const text = parameter(parameters, "limit") ?? "";
  if (text === "") return 10;
  if (!/^\+?\d+$/.test(text) || Number(text) < 1)
    throw new ParameterError(undefined, "limit must be a positive number");
  if (Number(text) > listMax) throw new ParameterError(undefined, `limit must not exceed ${listMax}`);
  return Number(text);
}
