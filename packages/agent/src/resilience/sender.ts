import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { parseExportResponse } from "./export-response.ts";

const gzipAsync = promisify(gzip);
/** A collector's answer is a few bytes; more than this is not read. */
const answerSizeBytesMax = 64 * 1024;

/** What became of one request. */
export type SendOutcome =
  | { readonly kind: "accepted"; readonly rejectedCount: number; readonly message: string }
  | { readonly kind: "retryable"; readonly cause: string; readonly retryAfterMs: number | undefined }
  | { readonly kind: "refused"; readonly cause: string };

/** Where a signal goes and how. */
export interface SendTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

export interface Sender {
  /** What every request carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** Posts one serialized Export…ServiceRequest. Never rejects. */
  send(body: Buffer): Promise<SendOutcome>;
  /** Whether this request is the agent's own, so that nobody traces it. */
  isOwn(request: http.ClientRequest): boolean;
  /** Whether the request on its way has been handed to the kernel whole. */
  isWritten(): boolean;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Posts to an OTLP/HTTP endpoint over one kept connection.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
 */
export function createSender(target: SendTarget, { nowMs }: { nowMs: () => number }): Sender {
  const isTls = target.url.protocol === "https:";
  const agent = isTls
    ? new https.Agent({ keepAlive: true, maxSockets: 2, ...target.tls })
    : new http.Agent({ keepAlive: true, maxSockets: 2 });
  const request = isTls ? https.request : http.request;
  const headers = {
    ...target.headers,
    "content-type": "application/x-protobuf",
    ...(target.compression === "gzip" ? { "content-encoding": "gzip" } : {}),
  };
  /** The body of the request on its way; true when there is none. */
  let isWritten = true;

  const post = (body: Buffer, isSecondTry = false): Promise<SendOutcome> =>
    new Promise((resolve) => {
      const sent = request(target.url, {
        method: "POST",
        agent,
        headers: { ...headers, "content-length": body.length },
      });
      isWritten = false;
      const timer = setTimeout(() => {
        sent.destroy(new Error(`no answer within ${target.timeoutMs} ms`));
      }, target.timeoutMs);
      timer.unref();
      const finish = (outcome: SendOutcome): void => {
        clearTimeout(timer);
        isWritten = true;
        resolve(outcome);
      };
      // A service that has nothing else to do must be able to end; the flush at its end holds the process itself.
      sent.on("socket", (socket) => socket.unref());
      sent.on("finish", () => (isWritten = true));
      sent.on("error", (error: NodeJS.ErrnoException) => {
        // The collector closed the kept connection just as it was used again: that is no outage.
        if (sent.reusedSocket && error.code === "ECONNRESET" && !isSecondTry) {
          clearTimeout(timer);
          resolve(post(body, true));
          return;
        }
        finish({ kind: "retryable", cause: describe(error), retryAfterMs: undefined });
      });
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        response.on("data", (chunk: Buffer) => {
          sizeBytes += chunk.length;
          if (sizeBytes <= answerSizeBytesMax) chunks.push(chunk);
        });
        response.on("error", (error) =>
          finish({ kind: "retryable", cause: describe(error), retryAfterMs: undefined }),
        );
        response.on("end", () => finish(classify(response, Buffer.concat(chunks), nowMs())));
      });
      sent.end(body);
    });

  return {
    headers,
    async send(body) {
      try {
        return await post(target.compression === "gzip" ? await gzipAsync(body) : body);
      } catch (error) {
        // A header value that Node refuses throws while the request is made; trying again cannot help.
        return { kind: "refused", cause: describe(error) };
      }
    },
    isOwn: (request) => (request as { agent?: unknown }).agent === agent,
    isWritten: () => isWritten,
    close: () => agent.destroy(),
  };
}

/** Only 429, 502, 503 and 504 may be tried again (OTLP/HTTP, "Retryable Response Codes"). */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

function classify(response: http.IncomingMessage, answer: Buffer, nowMs: number): SendOutcome {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300)
    return { kind: "accepted", ...parseExportResponse(answer, response.headers["content-type"]) };
  const cause = `HTTP ${status}`;
  if (!retryableStatuses.has(status)) return { kind: "refused", cause };
  return { kind: "retryable", cause, retryAfterMs: parseRetryAfter(response.headers["retry-after"], nowMs) };
}

/**
 * Milliseconds from a Retry-After header, which holds seconds or an HTTP date; undefined when absent or neither.
 * @see RFC 9110, 10.2.3
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1_000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  // Connecting to a name with several addresses fails with an AggregateError without a message of its own.
  return error.message === "" ? (code ?? error.name) : error.message;
}
