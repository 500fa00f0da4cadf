import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../model/index.ts";
import { snappyContentSizeBytes, uncompressSnappy } from "../../otlp/index.ts";
import type { Log } from "../../telemetry/index.ts";
import type { Admission, Admit, Admitted, Room } from "../admission.ts";
import type { Blocks } from "../blocks.ts";
import { readBody, refuseTooLarge } from "../body.ts";
import { drain } from "../drain.ts";
import { contentLengthOf, encodingOf } from "../headers.ts";
import type { Intake } from "../intake.ts";
import { refusalOf, refuse, type Refusal } from "../outcome.ts";
import type { ReceiveMetrics } from "../telemetry.ts";
import type { ForeignAnswer, ForeignProtocol } from "./protocol.ts";

/** What every protocol at the door shares with OTLP. */
export interface Shared {
  /** Bound of one request after decompression. */
  readonly requestSizeBytesMax: number;
  /** How long a body may take to arrive. */
  readonly requestTimeoutMs: number;
  readonly intake: Intake;
  readonly admission: Admission;
  /** Where bodies lie until they are journaled. */
  readonly blocks: Blocks;
  readonly metrics: ReceiveMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Clients are then asked to open no further request on their connection. */
  readonly isStopping: () => boolean;
}

/** Answers one request; never rejects. */
export type Endpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** One address of a foreign protocol: its requests pass the same limits as OTLP's. */
export function createEndpoint(protocol: ForeignProtocol, admit: Admit, shared: Shared): Endpoint {
  const { requestSizeBytesMax, blocks, metrics, clock, log } = shared;

  function refuseEarly({ headers }: IncomingMessage): Refusal | undefined {
    // Any page that is open beside a collector on loopback could send: browsers ask before (CORS) only where the type is said.
    if (headers.origin !== undefined) return refuse("origin", `pages of ${headers.origin} may not send here`);
    const refusal = protocol.refuseEarly(headers);
    if (refusal !== undefined) return refusal;
    return (contentLengthOf(headers) ?? 0) > requestSizeBytesMax
      ? refuseTooLarge(requestSizeBytesMax)
      : undefined;
  }

  /** Counts what it will be before it is made. */
  function unpack(bytes: Buffer, room: Room): Buffer | Refusal {
    const sizeBytes = snappyContentSizeBytes(bytes);
    const refusal = sizeBytes <= requestSizeBytesMax ? room.grow(sizeBytes) : undefined;
    if (refusal !== undefined) return refusal;
    return uncompressSnappy(bytes, requestSizeBytesMax);
  }

  async function answer(request: IncomingMessage): Promise<ForeignAnswer | Refusal> {
    const { headers } = request;
    const early = refuseEarly(request);
    if (early !== undefined) return early;
    const admitted = admit(headers, request.socket, "as Authorization: Bearer …");
    if (admitted.kind === "refused") return admitted;
    const room = admitted.open(protocol.signal);
    return await read(request, { admitted, room }).finally(() => room.release());
  }

  async function read(
    request: IncomingMessage,
    { admitted, room }: { readonly admitted: Admitted; readonly room: Room },
  ): Promise<ForeignAnswer | Refusal> {
    const { headers } = request;
    const isSnappy = protocol.isSnappy(headers);
    const body = await readBody(request, {
      encoding: isSnappy ? "identity" : encodingOf(headers),
      sizeBytesMax: requestSizeBytesMax,
      announced: () => contentLengthOf(headers),
      room,
      blocks,
      timeoutMs: shared.requestTimeoutMs,
      clock,
    });
    if (body.kind === "refused") return body;
    try {
      const bytes = isSnappy ? unpack(body.bytes, room) : body.bytes;
      if ("kind" in bytes) return bytes;
      admitted.spend(bytes.length);
      return await protocol.accept(bytes, headers);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.reason === "internal")
        log.error("a request could not be taken", { protocol: protocol.name, error });
      return refusal;
    } finally {
      blocks.give(body.bytes);
    }
  }

  return async (request, response) => {
    const outcome = await answer(request);
    const isRefused = outcome.kind === "refused";
    const { status, headers, body } = isRefused ? protocol.answerRefusal(outcome) : outcome;
    const { name, signal } = protocol;
    metrics.requests.add({ signal, protocol: name, code: String(status) });
    if (isRefused) metrics.refusedRequests.add({ signal, reason: outcome.reason });
    if (response.destroyed) return;
    const isSlow = isRefused && outcome.reason === "slow";
    response.writeHead(status, {
      ...headers,
      ...(isSlow || shared.isStopping() ? { connection: "close" } : {}),
    });
    response.end(body);
    if (isSlow) response.once("finish", () => request.destroy());
    else if (!request.complete) drain(request, shared);
  };
}
