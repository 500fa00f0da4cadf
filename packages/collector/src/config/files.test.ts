import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";
import { resolveFiles } from "./files.ts";

const resolved = (text: string) =>
  resolveFiles(parseConfig(text, { file: "q.yaml", env: {} }), "/etc/quartet");

test("every file that the configuration names is sought beside it, those of exporters too", () => {
  const {
    receive,
    rules,
    api,
    export: exporters,
  } = resolved(`
receive: { otlp: { tokens_file: tokens, tls: { cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem } } }
rules: { files: ["rules/*.yaml"] }
api: { tokens_file: /run/secrets/tokens, tls: { cert_file: cert.pem, key_file: key.pem } }
export:
  vendor:
    { type: otlp_http, endpoint: "https://a.example", signals: [traces], auth: { bearer_token_file: token }, tls: { ca_file: ca.pem } }
  search:
    type: elasticsearch
    endpoint: "https://b.example"
    signals: [logs]
    auth: { username: quartet, password_file: ../password }
    tls: { cert_file: cert.pem, key_file: key.pem }
  plain: { type: otlp_grpc, endpoint: "http://c.example:4317", signals: [traces] }
`);
  expect(receive.otlp.tokensFile).toBe("/etc/quartet/tokens");
  expect(receive.otlp.tls).toEqual({
    certFile: "/etc/quartet/cert.pem",
    keyFile: "/etc/quartet/key.pem",
    clientCaFile: "/etc/quartet/ca.pem",
  });
  expect(rules.files).toEqual(["/etc/quartet/rules/*.yaml"]);
  expect(api.tokensFile).toBe("/run/secrets/tokens");
  expect(api.tls).toEqual({
    certFile: "/etc/quartet/cert.pem",
    keyFile: "/etc/quartet/key.pem",
    clientCaFile: undefined,
  });
  const [vendor, search, plain] = exporters;
  expect(vendor!.auth).toEqual({ kind: "bearer", tokenFile: "/etc/quartet/token" });
  expect(vendor!.tls).toMatchObject({ caFile: "/etc/quartet/ca.pem", certFile: undefined });
  expect(search!.auth).toEqual({ kind: "basic", username: "quartet", passwordFile: "/etc/password" });
  expect(search!.tls).toMatchObject({ certFile: "/etc/quartet/cert.pem", keyFile: "/etc/quartet/key.pem" });
  expect(plain!.auth).toEqual({ kind: "none" });
  expect(plain!.tls).toMatchObject({ caFile: undefined, certFile: undefined, keyFile: undefined });
});
