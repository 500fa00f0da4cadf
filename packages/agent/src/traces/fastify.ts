import { channel } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { Guard } from "../resilience/index.ts";
import type { Instrumentation } from "./http-client.ts";
import { serverRequestOf } from "./http-server.ts";

/** The part of fastify (4 and 5) that is used here; the agent does not depend on it. */
interface Fastify {
  addHook(
    name: "onRequest",
    hook: (request: FastifyRequest, reply: unknown, done: () => void) => void,
  ): unknown;
  addHook(
    name: "onError",
    hook: (request: FastifyRequest, reply: unknown, error: unknown, done: () => void) => void,
  ): unknown;
}
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly routeOptions?: { readonly url?: string | undefined };
}

/**
 * Gives server spans the route's template and the error that made them fail.
 * Through fastify's own hooks rather than its channel of handlers, which says nothing about a request that a hook refuses.
 */
export function createFastifyTraces({ guard }: { guard: Guard }): Instrumentation {
  const setRoute = guard("fastify's onRequest", ({ raw, routeOptions }: FastifyRequest) => {
    const record = serverRequestOf(raw);
    // A path that no route matches has no template.
    if (record !== undefined) record.route = routeOptions?.url ?? "";
  });
  const setError = guard("fastify's onError", ({ raw }: FastifyRequest, error: unknown) => {
    const record = serverRequestOf(raw);
    if (record !== undefined) record.error = error;
  });
  const onInitialization = guard("fastify.initialization", (message: unknown) => {
    const { fastify } = message as { fastify: Fastify };
    fastify.addHook("onRequest", (request, _reply, done) => {
      setRoute(request);
      done();
    });
    fastify.addHook("onError", (request, _reply, error, done) => {
      setError(request, error);
      done();
    });
  });
  const source = channel("fastify.initialization");
  return {
    start: () => source.subscribe(onInitialization),
    stop() {
      source.unsubscribe(onInitialization);
    },
  };
}
