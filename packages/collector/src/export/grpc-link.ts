import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import type { Dialer } from "./dial.ts";

export interface GrpcAnswer {
  /** Of HTTP: what is no gRPC server has another one than 200. */
  readonly statusCode: number;
  /** Those before and those behind the message together. */
  readonly headers: IncomingHttpHeaders;
  /** The message with its prefix, or the beginning of something else. */
  readonly body: Buffer;
}

/** OTLP specification, "Partial Success": an answer has at most 4 MiB. */
const answerSizeBytesMax = 4 * 1024 * 1024 + 5;
/** What comes from a proxy is not worth the memory. */
const pageSizeBytesMax = 64 * 1024;
/** RFC 9113, 7: CANCEL. */
const cancelCode = 8;
/** In MB: batches that wait for the server to take them. Node's 10 would refuse the third. */
const sessionMemoryMax = 256;

/** One HTTP/2 connection, from its making to its end. */
export class GrpcLink {
  /** The certificates that it was made with. */
  readonly identity: object;
  readonly #ready: Promise<ClientHttp2Session>;
  readonly #onGone: () => void;
  #socket: Socket | undefined;
  #session: ClientHttp2Session | undefined;
  #callCount = 0;
  #isRetired = false;

  /** `onGone` is called when no further call can begin here. */
  constructor(dialer: Dialer, url: URL, onGone: () => void) {
    this.identity = dialer.identity();
    this.#onGone = onGone;
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    this.#ready = promise;
    // Who waits for it hears of it; if nobody does any more, nobody needs to.
    promise.catch(() => undefined);
    dialer.dial({ url, alpn: ["h2"], isTunnelled: true }, (error, socket) => {
      if (socket === undefined) {
        this.retire();
        reject(error);
        return;
      }
      this.#socket = socket;
      // Loaded by who connects only: it is 2 MB in every thread that has it.
      this.#session = process.getBuiltinModule("node:http2").connect(url.origin, {
        createConnection: () => socket,
        maxSessionMemory: sessionMemoryMax,
        settings: { enablePush: false },
      });
      const session = this.#session;
      session.on("connect", () => resolve(session));
      // Calls under way get the same error; while there are none, who waits for the connection does.
      session.on("error", reject);
      // Calls that the server has begun end in order, those that it has not are refused by it.
      session.on("goaway", () => this.retire());
      session.on("close", () => {
        this.retire();
        reject(new Error("the server closed the connection"));
      });
    });
  }

  /** No call begins here any more; the connection closes with the last one under way. */
  retire(): void {
    if (!this.#isRetired) this.#onGone();
    this.#isRetired = true;
    if (this.#callCount === 0) this.destroy();
  }

  destroy(): void {
    this.#session?.destroy();
    this.#socket?.destroy();
  }

  /** Rejects with the error of the network, or with the signal's reason. */
  async call(
    headers: OutgoingHttpHeaders,
    body: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<GrpcAnswer> {
    this.#callCount += 1;
    try {
      const session = await unlessAborted(this.#ready, signal);
      return await exchange(session.request(headers), body, signal);
    } catch (error) {
      // A slow server or a dead connection, that is not to be seen from here: the next call takes another one.
      this.retire();
      throw error;
    } finally {
      this.#callCount -= 1;
      if (this.#isRetired) this.retire();
    }
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function exchange(
  stream: ClientHttp2Stream,
  body: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const abort = (): void => {
      stream.close(cancelCode);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    stream.on("response", (first) => (headers = { ...headers, ...first }));
    stream.on("trailers", (last) => (headers = { ...headers, ...last }));
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      const isPage = Number(headers[":status"]) !== 200;
      if (sizeBytes > (isPage ? pageSizeBytesMax : answerSizeBytesMax)) stream.close(cancelCode);
    });
    stream.on("error", reject);
    stream.on("close", () => {
      signal.removeEventListener("abort", abort);
      const statusCode = Number(headers[":status"] ?? 0);
      if (statusCode === 0)
        reject(new Error(`the server ended the call without an answer (${stream.rstCode})`));
      else resolve({ statusCode, headers, body: Buffer.concat(chunks) });
    });
    for (const piece of body) stream.write(piece);
    stream.end();
  });
}
