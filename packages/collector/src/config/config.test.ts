import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const parse = (text: string, env: Record<string, string> = {}, isInsecure = false) =>
  parseConfig(text, { file: "quartet.yaml", env, isInsecure });
const problemsOf = (text: string, env: Record<string, string> = {}): string[] => {
  try {
    parse(text, env);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
};

test("an empty file gives the documented ports", () => {
  const config = parse("");
  expect(config.receive.otlp.listen).toEqual(["127.0.0.1:4317", "127.0.0.1:4318"]);
  expect(config.api.listen).toBe("127.0.0.1:4004");
  expect(config.receive.otlp.requestSizeBytesMax).toBe(64 * 2 ** 20);
  expect(config.journal.sizeBytesMax.spans).toBe(5 * 2 ** 30);
  expect(config.rules.evaluationIntervalMs).toBe(15_000);
});

test("an unknown key is named with line, column and the nearest known key", () => {
  expect(problemsOf("receive:\n  otlp:\n    listn: []\n")).toEqual([
    "quartet.yaml:3:5: receive.otlp.listn: unknown key; did you mean listen?",
  ]);
});

test("a key far from every known one gets the list of known keys", () => {
  expect(problemsOf("api: { zzzzzzzz: 1 }")[0]).toContain(
    "unknown key; known here: listen, tokens_file, tls, external_url",
  );
});

test("every problem is listed, not only the first", () => {
  const problems = problemsOf(
    "receive: { otlp: { request_size_max: 5 apples } }\nrules: { evaluation_interval: soon }\n",
  );
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain('1:20: receive.otlp.request_size_max: "5 apples" is no size');
  expect(problems[1]).toContain('2:10: rules.evaluation_interval: "soon" is no duration');
});

test("a time or size that would stop the collector's work is refused", () => {
  expect(problemsOf("rules: { evaluation_interval: 0s }")[0]).toContain('"0s" is no duration above zero');
  expect(problemsOf("receive: { otlp: { request_size_max: 0B } }")[0]).toContain(
    '"0B" is no size above zero',
  );
  expect(problemsOf("journal: { size_max: 1KiB }")[0]).toContain('"1KiB" is no size of 1MiB or more');
});

test("an alias without its anchor is a problem of the file", () => {
  expect(problemsOf("api: *nowhere\n")[0]).toMatch(/^quartet\.yaml:1:1: .*nowhere/);
});

test("a key of the documented shape that is not served yet says what to do instead", () => {
  expect(problemsOf("notify: { file: alertmanager.yml }")[0]).toContain(
    "notify.file: not available in this version; use notify.webhook",
  );
});

test("variables are expanded in values, with defaults, and a missing one is an error with its place", () => {
  expect(parse('api: { listen: "127.0.0.1:${PORT}" }', { PORT: "5005" }).api.listen).toBe("127.0.0.1:5005");
  expect(parse('api: { listen: "127.0.0.1:${PORT:-6006}" }').api.listen).toBe("127.0.0.1:6006");
  expect(parse("store:\n  series_max: ${N:-17}").store.seriesMax).toBe(17);
  expect(problemsOf("api:\n  listen: 127.0.0.1:${PORT}")[0]).toContain(
    "quartet.yaml:2:11: the variable PORT is not set",
  );
});

test("a listener beyond loopback needs tokens or an explicit --insecure", () => {
  const text = "receive: { otlp: { listen: ['0.0.0.0:4318'] } }";
  expect(problemsOf(text)[0]).toContain("receive.otlp.listen: 0.0.0.0:4318 is reachable from other machines");
  expect(parse(text, {}, true).receive.otlp.listen).toEqual(["0.0.0.0:4318"]);
  expect(
    parse("receive: { otlp: { listen: ['0.0.0.0:4318'], tokens_file: tokens } }").receive.otlp.tokensFile,
  ).toBe("tokens");
});

test("broken YAML is reported with its line", () => {
  expect(problemsOf("receive: [\n")[0]).toMatch(/^quartet\.yaml:\d+:\d+: /);
});

test("an exporter without an endpoint or with an unknown type is refused by name", () => {
  const problems = problemsOf("export: { jaeger: { type: otlp, signals: [traces] } }");
  expect(problems.join("\n")).toContain("export.jaeger: lacks the key endpoint");
  expect(problems.join("\n")).toContain('export.jaeger.type: "otlp" is none of otlp_http, otlp_grpc');
});

test("an exporter's identity, certificates and proxy are read; what does not go together is refused with its place", () => {
  const one = (keys: string) =>
    `export:\n  jaeger:\n    type: otlp_http\n    endpoint: https://host\n    signals: [traces]\n    ${keys}\n`;
  const plain = parse(one("")).export[0]!;
  expect(plain).toMatchObject({
    auth: { kind: "none" },
    tls: { insecureSkipVerify: false },
    timeoutMs: 10_000,
  });
  expect([plain.proxy, plain.tls.caFile]).toEqual([undefined, undefined]);
  expect(parse(one("auth: { bearer_token_file: t }")).export[0]!.auth).toEqual({
    kind: "bearer",
    tokenFile: "t",
  });
  expect(parse(one("auth: { username: me, password_file: p }")).export[0]!.auth).toEqual({
    kind: "basic",
    username: "me",
    passwordFile: "p",
  });
  expect(parse(one("tls: { ca_file: ca, server_name: n }")).export[0]!.tls).toMatchObject({
    caFile: "ca",
    serverName: "n",
  });
  expect(parse(one('proxy: "http://me:secret@proxy:3128"')).export[0]!.proxy).toBe(
    "http://me:secret@proxy:3128",
  );
  const check = (keys: string, problem: string) => expect(problemsOf(one(keys))).toEqual([problem]);
  check(
    "auth: { bearer_token_file: t, username: me, password_file: p }",
    "quartet.yaml:6:5: export.jaeger.auth: has both a bearer token and a user; leave one of them off",
  );
  check(
    "auth: { username: me }",
    "quartet.yaml:6:5: export.jaeger.auth: username and password_file belong together",
  );
  check(
    "tls: { cert_file: c }",
    "quartet.yaml:6:5: export.jaeger.tls: cert_file and key_file belong together",
  );
  check(
    "tls: { cafile: c }",
    "quartet.yaml:6:12: export.jaeger.tls.cafile: unknown key; did you mean ca_file?",
  );
  check(
    'proxy: "http://me:50%@proxy:3128"',
    'quartet.yaml:6:5: export.jaeger.proxy: has a user or password with a "%" of its own; write it as %25',
  );
  check(
    'proxy: "https://proxy"',
    "quartet.yaml:6:5: export.jaeger.proxy: speaks to the proxy itself in the clear; write http://host:port",
  );
  expect(
    problemsOf(
      "export: { a: { type: otlp_http, endpoint: 'http://h', signals: [logs], tls: { ca_file: c } } }",
    ),
  ).toEqual([
    "quartet.yaml:1:72: export.a.tls: is of no use with an endpoint that begins with http:; write https:",
  ]);
});

test("experimental parts of PromQL are turned on by Prometheus' names, and no others", () => {
  const parse = (names: string) =>
    parseConfig(`promql: { enable_features: [${names}] }`, { file: "quartet.yaml", env: {} });
  expect(parse("").promql.features).toEqual([]);
  expect(parse("use-start-timestamps").promql.features).toEqual(["use-start-timestamps"]);
  expect(() => parse("promql-everything")).toThrow(
    /quartet\.yaml:1:\d+: promql\.enable_features\.0: .*promql-experimental-functions/,
  );
});
