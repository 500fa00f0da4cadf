import { writeFile } from "node:fs/promises";
import { connect } from "node:tls";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  createAuthority,
  type Certificate,
} from "../../packages/collector/src/config/certificates.test-kit.ts";
import { describeWithParts, telemetrygen } from "../parts/index.ts";
import { openTempDir, until } from "../support/index.ts";
import { countJournaled } from "./journal-items.ts";
import { startCollector } from "./quartet.ts";

const authority = createAuthority();

async function write(folder: string, name: string, { cert, key }: Certificate): Promise<void> {
  await writeFile(join(folder, `${name}.pem`), cert);
  await writeFile(join(folder, `${name}-key.pem`), key);
}

/** Whom a TLS server says it is, asked by a client with a certificate. */
function nameOf(address: string, client: Certificate): Promise<string> {
  const { hostname: host, port } = new URL(`http://${address}`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ca: authority.cert, ...client }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

describeWithParts("TLS", ["telemetrygen"], () => {
  test("a real client with a certificate is taken over HTTP and gRPC, one without is not, and a new certificate needs no restart", async () => {
    const folder = await openTempDir("tls");
    const at = (name: string) => join(folder.path, name);
    await write(folder.path, "server", authority.issue("first"));
    await write(folder.path, "client", authority.issue("shop"));
    await writeFile(at("ca.pem"), authority.cert);
    try {
      const tls = {
        cert_file: at("server.pem"),
        key_file: at("server-key.pem"),
        client_ca_file: at("ca.pem"),
      };
      await using collector = await startCollector({
        config: { receive: { otlp: { listen: ["127.0.0.1:0"], tls } } },
      });
      const address = new URL(collector.otlpUrl).host;
      const generate = (...flags: readonly string[]) =>
        telemetrygen([
          "logs",
          `--otlp-endpoint=${address}`,
          `--ca-cert=${at("ca.pem")}`,
          "--logs=5",
          "--rate=0",
          ...flags,
        ]);
      const client = ["--mtls", `--client-cert=${at("client.pem")}`, `--client-key=${at("client-key.pem")}`];
      for (const protocol of [[], ["--otlp-http"]]) {
        const { code, stderr } = await generate(...protocol, ...client);
        expect({ code, stderr }).toMatchObject({ code: 0 });
      }
      expect(countJournaled(collector.dataDir, "logs")).toEqual({ decoded: 10, counted: 10 });
      await generate("--otlp-http");
      expect(countJournaled(collector.dataDir, "logs")).toEqual({ decoded: 10, counted: 10 });

      const shop = authority.issue("shop");
      expect(await nameOf(address, shop)).toBe("first");
      await write(folder.path, "server", authority.issue("second"));
      await until(async () => (await nameOf(address, shop)) === "second", {
        deadlineMs: 20_000,
        what: "the new certificate to be shown",
      });
    } finally {
      await folder.remove();
    }
  });
});
