import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";

const gzipAsync = promisify(gzip);

/** Below this an answer goes in one packet either way, and packing it only costs. */
const sizeBytesMin = 1_400;

/** Whether the client takes gzip: named, or under the star, and not with a weight of 0. */
export function acceptsGzip(header: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const part of (header ?? "").toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim());
    const weight = parameters.find((text) => text.startsWith("q="))?.slice(2);
    weights.set(name, weight === undefined ? 1 : Number(weight));
  }
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}

/** An `onSend` hook of Fastify: packs what is worth it for who takes it, off the main thread. */
export async function compress(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  reply.header("vary", "Accept-Encoding");
  if (typeof payload !== "string" || Buffer.byteLength(payload) < sizeBytesMin) return payload;
  if (!acceptsGzip(request.headers["accept-encoding"])) return payload;
  // Numbers in JSON shrink little more at higher levels, for a multiple of the time.
  const packed = await gzipAsync(payload, { level: constants.Z_BEST_SPEED });
  reply.header("content-encoding", "gzip").removeHeader("content-length");
  return packed;
}
