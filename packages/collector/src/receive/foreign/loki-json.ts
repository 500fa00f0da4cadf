import { invalid, listAt, objectAt, parseJson, textAt, textPairsAt } from "./json.ts";
import type { LokiEntry, LokiStream } from "./loki-stream.ts";

/**
 * Reads `{"streams":[{"stream":{…},"values":[["<ns>","line",{…}]]}]}`.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path.
 * @see Grafana Loki HTTP API, "Ingest logs"
 */
export function parseLokiPush(bytes: Uint8Array): readonly LokiStream[] {
  const { streams } = objectAt(parseJson(bytes), "the body");
  return listAt(streams, "streams").map((value, index) => {
    const path = `streams[${index}]`;
    const { stream, values } = objectAt(value, path);
    return {
      labels: textPairsAt(stream, `${path}.stream`),
      entries: listAt(values, `${path}.values`).map((entry, at) =>
        parseEntry(entry, `${path}.values[${at}]`),
      ),
    };
  });
}

function parseEntry(value: unknown, path: string): LokiEntry {
  const [time, line, metadata] = listAt(value, path);
  if (typeof time !== "string" || !/^\d{1,19}$/.test(time))
    invalid(`${path}[0]`, "a string of Unix nanoseconds");
  return {
    timeUnixNano: BigInt(time),
    line: textAt(line, `${path}[1]`),
    metadata: textPairsAt(metadata, `${path}[2]`),
  };
}
