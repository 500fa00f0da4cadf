import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthority } from "./certificates.test-kit.ts";
import { openTls } from "./tls.ts";
import { openTokens } from "./tokens.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quartet-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const authority = createAuthority();

/** A clock that stands until it is turned, and the lines of the log. */
function settings() {
  const logged: string[] = [];
  const log = {
    info: (message: string) => logged.push(`info ${message}`),
    warn: (message: string) => logged.push(`warn ${message}`),
    error: (message: string) => logged.push(`error ${message}`),
  };
  let nowMs = 0;
  return { nowMs: () => nowMs, log, logged, turn: () => (nowMs += 1_000) };
}

function write({ cert, key }: { readonly cert?: string; readonly key?: string }): void {
  for (const [name, text] of Object.entries({ cert, key })) {
    if (text === undefined) continue;
    writeFileSync(join(folder, `${name}.new`), text);
    renameSync(join(folder, `${name}.new`), join(folder, `${name}.pem`));
  }
}

const files = () => ({
  certFile: join(folder, "cert.pem"),
  keyFile: join(folder, "key.pem"),
  clientCaFile: undefined as string | undefined,
});

test("a new certificate is taken up with its key, and not before both are there", () => {
  const [first, second] = [authority.issue("first"), authority.issue("second")];
  write(first);
  const clock = settings();
  const identity = openTls({ files: files(), section: "receive.otlp.tls", ...clock });
  const held = identity();
  expect(held.cert.toString()).toBe(first.cert);
  clock.turn();
  expect(identity()).toBe(held);
  write({ cert: second.cert });
  clock.turn();
  expect(identity()).toBe(held);
  clock.turn();
  expect(identity()).toBe(held);
  write({ key: second.key });
  clock.turn();
  expect(identity().cert.toString()).toBe(second.cert);
  expect(clock.logged).toEqual([
    "warn files that changed are of no use; what they held before stays in force",
    "info files were read again after they changed",
  ]);
});

test("files are looked at once a second at most", () => {
  write(authority.issue("first"));
  const clock = settings();
  const identity = openTls({ files: files(), section: "receive.otlp.tls", ...clock });
  const held = identity();
  write(authority.issue("second"));
  expect(identity()).toBe(held);
});

test("what is no certificate, or not the key's, is named with its key on start", () => {
  const open = (of = files()) => openTls({ files: of, section: "receive.otlp.tls", ...settings() });
  expect(open).toThrow(`receive.otlp.tls.cert_file: cannot read ${files().certFile}`);
  write({ cert: authority.issue("a").cert, key: authority.issue("b").key });
  expect(open).toThrow(/^receive\.otlp\.tls: .*key\.pem are no certificate with its key: .*mismatch/);
  write(authority.issue("a"));
  expect(() => open({ ...files(), clientCaFile: files().keyFile })).toThrow(
    /^receive\.otlp\.tls\.client_ca_file: .* holds no certificate/,
  );
});

test("tokens rotate while the collector runs, and an emptied file keeps the old ones", () => {
  const file = join(folder, "tokens");
  writeFileSync(file, "# the shop\none\n\n two \n");
  const clock = settings();
  const tokens = openTokens({ file, section: "receive.otlp", ...clock });
  expect(tokens()).toEqual(["one", "two"]);
  writeFileSync(file, "# nothing\n");
  clock.turn();
  expect(tokens()).toEqual(["one", "two"]);
  rmSync(file);
  clock.turn();
  expect(tokens()).toEqual(["one", "two"]);
  writeFileSync(file, "three\n");
  clock.turn();
  expect(tokens()).toEqual(["three"]);
  expect(clock.logged.filter((line) => line.startsWith("warn"))).toHaveLength(2);
});
