import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const parse = (text: string) => parseConfig(text, { file: "quartet.yaml", env: {} });
const problemsOf = (text: string): string[] => {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
};

test("client certificates guard a listener beyond loopback as tokens do; TLS alone does not", () => {
  const otlp = (tls: string) => `receive: { otlp: { listen: ['0.0.0.0:4318'], tls: ${tls} } }`;
  expect(problemsOf(otlp("{ cert_file: c, key_file: k }"))[0]).toContain(
    "name a tokens_file or tls.client_ca",
  );
  expect(parse(otlp("{ cert_file: c, key_file: k, client_ca_file: a }")).receive.otlp.tls).toEqual({
    certFile: "c",
    keyFile: "k",
    clientCaFile: "a",
  });
  expect(problemsOf("api: { listen: '0.0.0.0:4004', tls: { cert_file: c, key_file: k } }")[0]).toContain(
    "api.listen: 0.0.0.0:4004 is reachable",
  );
});

test("a certificate without its key is refused, and so is a client CA without a certificate", () => {
  const problem = (key: string) =>
    `quartet.yaml:1:${key === "api" ? 8 : 20}: ${key}.tls: needs cert_file and key_file`;
  expect(problemsOf("receive: { otlp: { tls: { cert_file: c } } }")).toEqual([problem("receive.otlp")]);
  expect(problemsOf("api: { tls: { client_ca_file: a } }")).toEqual([problem("api")]);
});

test("rate limits, origins and memory are read with their units", () => {
  const { memorySizeBytesMax, otlp } = parse(`
receive:
  memory_max: 512MiB
  otlp:
    cors_origins: ["https://shop.example", "http://localhost:3000", "https://*.shop.example"]
    rate_limit: { requests_per_second: 50, bytes_per_second: 10MiB }
`).receive;
  expect(memorySizeBytesMax).toBe(512 * 2 ** 20);
  expect(otlp.corsOrigins).toHaveLength(3);
  expect(otlp.rateLimit).toEqual({ requestsPerSecond: 50, bytesPerSecond: 10 * 2 ** 20 });
  expect(problemsOf("receive: { otlp: { cors_origins: ['https://a.example/path'] } }")[0]).toContain(
    "is no origin; write what browsers send",
  );
  expect(problemsOf("receive: { memory_max: 100MiB }")[0]).toContain(
    "receive.memory_max: should be twice receive.otlp.request_size_max",
  );
});

test("Zipkin is not opened unless asked for, and beyond loopback needs the tokens of OTLP", () => {
  expect(parse("").receive.zipkin.listen).toEqual([]);
  expect(parse("receive: { zipkin: {} }").receive.zipkin.listen).toEqual(["127.0.0.1:9411"]);
  expect(parse("receive: { zipkin: { listen: ['[::1]:9412'] } }").receive.zipkin.listen).toEqual([
    "[::1]:9412",
  ]);
  expect(problemsOf("receive: { zipkin: { listen: ['0.0.0.0:9411'] } }")[0]).toContain(
    "receive.zipkin.listen: 0.0.0.0:9411 is reachable from other machines: set receive.otlp.tokens_file",
  );
  expect(problemsOf("receive: { zipkin: { lisen: [] } }")[0]).toContain("did you mean listen?");
});
