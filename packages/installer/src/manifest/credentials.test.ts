import { expect, test } from "vitest";
import {
  buildAgentSecrets,
  buildCredentialsSecret,
  createCredentials,
  parseCredentials,
} from "./credentials.ts";
import { encodePbkdf2, buildUserFiles, kibanaBearerToken } from "./elasticsearch-users.ts";
import { settingsDefault, testCredentials } from "./test-context.ts";

const ones = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes).fill(255);

test("what the Secret of an earlier run holds is kept, value by value", () => {
  const first = testCredentials();
  const kept = parseCredentials(buildCredentialsSecret(settingsDefault, first).data);
  expect(createCredentials(ones, kept)).toEqual(first);
});

test("what an earlier version did not know is made, and the rest is kept", () => {
  const { kibanaReportingKey: _new, ...old } = testCredentials();
  const { data } = buildCredentialsSecret(settingsDefault, { ...testCredentials(), kibanaReportingKey: "" });
  expect(createCredentials(ones, parseCredentials(data))).toEqual({
    ...old,
    kibanaReportingKey: "ff".repeat(32),
  });
});

test("every value is 256 bits of its own", () => {
  let byte = 0;
  const values = Object.values(createCredentials((size) => new Uint8Array(size).fill((byte += 1))));
  expect(new Set(values).size).toBe(values.length);
  for (const value of values) expect(value).toMatch(/^[0-9a-f]{64}$/);
});

test("the agents' Secret holds a header as OpenTelemetry reads it, once in every namespace", () => {
  const settings = { ...settingsDefault, agentNamespaces: ["shop", "quartet", "shop"] };
  const secrets = buildAgentSecrets(settings, testCredentials());
  expect(secrets.map(({ metadata }) => metadata.namespace)).toEqual(["quartet", "shop"]);
  const value = Buffer.from(secrets[0]?.data["OTEL_EXPORTER_OTLP_HEADERS"] ?? "", "base64").toString("utf8");
  const [name, encoded] = value.split("=") as [string, string];
  expect([name, decodeURIComponent(encoded)]).toEqual([
    "authorization",
    `Bearer ${testCredentials().otlpToken}`,
  ]);
});

test("a password is hashed as Elasticsearch verifies it", () => {
  // A known answer of Elasticsearch's own tests (HasherTests, a salt of 16 and a key of 64 bytes).
  const known =
    "{PBKDF2}10000$NUG78+T6yahKzMHPgTbFmw==$Ohp+ZCG936Q+w1XTquEz5SmQmDUJVv5ZxilRaDPpHFRzHNDMjeFl8btefZd/0yNtfQPwpfhe5DSDFlPP9WMxEQ==";
  const salt = Buffer.from("NUG78+T6yahKzMHPgTbFmw==", "base64");
  expect(encodePbkdf2({ password: "passw0rd", salt, iterationCount: 10_000, keySizeBytes: 64 })).toBe(known);
});

test("user files are the same on every run, and every user has a role that exists", () => {
  const files = buildUserFiles(testCredentials());
  expect(buildUserFiles(testCredentials())).toEqual(files);
  const fieldsOf = (file: string): readonly (readonly string[])[] =>
    (files[file] ?? "")
      .trim()
      .split("\n")
      .map((line) => line.split(":"));
  const users = fieldsOf("users").map(([user]) => user);
  const given = fieldsOf("users_roles");
  expect(given.map(([, user]) => user)).toEqual(users);
  for (const [role] of given) {
    if (role !== "superuser") expect(files["roles.yml"]).toContain(`${role}:\n`);
  }
});

test("Kibana's bearer token names its service account", () => {
  const bytes = Buffer.from(kibanaBearerToken(testCredentials()), "base64");
  expect([...bytes.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
  expect(bytes.subarray(4).toString("utf8")).toBe(
    `elastic/kibana/quartet:${testCredentials().kibanaTokenSecret}`,
  );
});
