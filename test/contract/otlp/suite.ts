import { describe } from "vitest";
import { testDoor } from "./door-facts.ts";
import type { OtlpServer } from "./fact.ts";
import { testGrpc } from "./grpc-facts.ts";
import { testHttp } from "./http-facts.ts";

/**
 * What every OTLP server owes to its clients, from outside: any endpoint will do.
 * @see OTLP specification 1.11
 */
export function testOtlpServer(server: () => OtlpServer): void {
  describe("HTTP", () => {
    testHttp(server);
  });
  describe("gRPC", () => {
    testGrpc(server);
  });
  // They wait for the server's patience to end: together, not one after the other.
  describe("door", { concurrent: true, timeout: 60_000 }, () => {
    testDoor(server);
  });
}
