import { CollectorError, http } from "../model/index.ts";

/** What a request's own framing says; a value from the configuration would contradict it. */
const framing = new Set(["content-length", "transfer-encoding", "connection", "host", "te"]);

/**
 * The configured headers with lower-case names.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key of one that cannot be sent.
 */
export function configuredHeaders(
  exporter: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const refuse = (problem: string, cause?: unknown): CollectorError =>
      new CollectorError("QUARTET_CONFIG_INVALID", `export.${exporter}.headers.${name}: ${problem}`, {
        cause,
      });
    if (framing.has(name.toLowerCase())) throw refuse("is set by the exporter itself; leave it off");
    try {
      http.validateHeaderName(name);
      http.validateHeaderValue(name, value);
    } catch (cause) {
      throw refuse((cause as Error).message, cause);
    }
    checked[name.toLowerCase()] = value;
  }
  return checked;
}
