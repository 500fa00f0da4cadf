import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createAuthority } from "../../../packages/collector/src/config/certificates.test-kit.ts";
import type { TlsSettings } from "../../../packages/collector/src/export/index.ts";
import { openTempDir } from "../../support/index.ts";
import { untilDelay, untilSettled, wayOf } from "./harness.ts";
import type { ExporterKind } from "./kind.ts";
import { startTestProxy } from "./proxy.ts";
import { openKind } from "./suite.ts";

const tlsOf = (settings: Partial<TlsSettings> = {}): TlsSettings => ({ ...wayOf().tls, ...settings });

/** What every exporter does with certificates and with a proxy in between. */
export function describeConnections(kind: ExporterKind): void {
  const authority = createAuthority();
  const own = authority.issue("back end");

  describe(`connections of an exporter of type ${kind.type}`, () => {
    test.each([
      ["of an unknown authority", () => own, {}, "tls"],
      ["of another name", () => authority.issue("other", ["other.example"]), { caFile: true }, "tls"],
      [
        "that has expired",
        () => authority.issue("old", ["127.0.0.1"], { endMs: Date.now() - 1_000 }),
        { caFile: true },
        "tls",
      ],
    ] as const)(
      "a certificate %s pauses the consumer, and nothing is sent",
      async (_, issue, tls, reason) => {
        await using folder = await openTempDir("tls");
        const caFile = join(folder.path, "ca");
        writeFileSync(caFile, authority.cert);
        await using backend = await kind.startBackend({ tls: issue() });
        const way = { tls: tlsOf("caFile" in tls ? { caFile } : {}) };
        await using harness = await openKind(kind, { backend, way });
        await harness.append("a");
        harness.exporter.start();
        expect(await untilDelay(harness)).toBe(15_000);
        expect(harness.exporter.status()).toMatchObject([{ state: { kind: "paused", reason } }]);
        expect(backend.received).toEqual([]);
      },
    );

    test("a certificate is checked for the configured name, or not at all when told so", async () => {
      await using folder = await openTempDir("tls");
      const caFile = join(folder.path, "ca");
      writeFileSync(caFile, authority.cert);
      for (const tls of [{ caFile, serverName: "other.example" }, { insecureSkipVerify: true }]) {
        const server = authority.issue("other", ["other.example"]);
        await using backend = await kind.startBackend({ tls: server });
        await using harness = await openKind(kind, { backend, way: { tls: tlsOf(tls) } });
        await harness.append("a");
        harness.exporter.start();
        await untilSettled(harness, 1);
      }
    });

    test("certificates are read again when they change, and connections of the old ones are left", async () => {
      await using folder = await openTempDir("tls");
      const file = (name: string) => join(folder.path, name);
      const write = (client: { cert: string; key: string }): void => {
        writeFileSync(file("ca"), authority.cert);
        writeFileSync(file("cert"), client.cert);
        writeFileSync(file("key"), client.key);
      };
      write(createAuthority("somebody else").issue("client"));
      await using backend = await kind.startBackend({ tls: { ...own, clientCa: authority.cert } });
      let nowMs = 0;
      const tls = tlsOf({ caFile: file("ca"), certFile: file("cert"), keyFile: file("key") });
      await using harness = await openKind(kind, { backend, way: { tls, nowMs: () => nowMs } });
      await harness.append("a");
      harness.exporter.start();
      const delayMs = await untilDelay(harness);
      expect(backend.received).toEqual([]);
      write(authority.issue("client"));
      nowMs += 1_000;
      harness.clock.advance(delayMs);
      await untilSettled(harness, 1);
      expect(backend.received).toEqual([["a"]]);
    });

    test("TLS goes through a proxy's tunnel, by name and password", async () => {
      await using folder = await openTempDir("tls");
      const caFile = join(folder.path, "ca");
      writeFileSync(caFile, authority.cert);
      await using proxy = await startTestProxy({ name: "me", password: "a:b@c" });
      await using backend = await kind.startBackend({ tls: own });
      await using harness = await openKind(kind, {
        backend,
        way: { tls: tlsOf({ caFile }), proxy: proxy.url },
      });
      for (const id of ["a", "b"]) {
        await harness.append(id);
        harness.exporter.start();
        await untilSettled(harness, id === "a" ? 1 : 2);
      }
      expect(proxy.asked).toEqual([`CONNECT ${new URL(backend.endpoint).host}`]);
    });

    test.each([
      [407, "paused"],
      [403, "paused"],
      [502, "retrying"],
    ] as const)(
      "a proxy that answers %s leaves the consumer %s, and the batch is not to blame",
      async (status, state) => {
        await using proxy = await startTestProxy();
        await using backend = await kind.startBackend({ tls: own });
        const way = { tls: tlsOf({ insecureSkipVerify: true }), proxy: proxy.url };
        await using harness = await openKind(kind, { backend, way });
        proxy.refusal = status;
        await harness.append("a");
        harness.exporter.start();
        const delayMs = await untilDelay(harness);
        expect(harness.exporter.status()).toMatchObject([{ state: { kind: state }, queuedItems: 1 }]);
        proxy.refusal = undefined;
        harness.clock.advance(delayMs);
        await untilSettled(harness, 1);
      },
    );

    test("a proxy that is not there is waited for", async () => {
      const away = await startTestProxy();
      await away[Symbol.asyncDispose]();
      await using harness = await openKind(kind, { way: { proxy: away.url } });
      await harness.append("a");
      harness.exporter.start();
      expect(await untilDelay(harness)).toBe(250);
    });

    test("a plain connection goes through a proxy too", async () => {
      await using proxy = await startTestProxy({ name: "me", password: "secret" });
      await using harness = await openKind(kind, { way: { proxy: proxy.url } });
      await harness.append("a");
      harness.exporter.start();
      await untilSettled(harness, 1);
      expect(proxy.asked).toHaveLength(1);
    });

    test("a server that speaks no TLS pauses the consumer", async () => {
      await using backend = await kind.startBackend();
      const endpoint = backend.endpoint.replace("http:", "https:");
      await using harness = await openKind(kind, { backend, endpoint });
      await harness.append("a");
      harness.exporter.start();
      await untilDelay(harness);
      expect(harness.exporter.status()).toMatchObject([{ state: { kind: "paused", reason: "tls" } }]);
    });
  });
}
