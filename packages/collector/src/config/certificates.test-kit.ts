import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

/** A certificate with its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate of this authority; `hosts` are names or addresses. */
  issue(subject: string, hosts?: readonly string[], options?: { readonly endMs?: number }): Certificate;
}

/** A certificate authority of this run: the tests need no openssl and no certificate that ends one day. */
export function createAuthority(name = "Quartet test CA"): Authority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = certify({
    subject: name,
    issuer: name,
    publicKey: pair.publicKey,
    signer: pair.privateKey,
    endMs: Date.now() + dayMs,
    extensions: [extension("551d13", sequence(Buffer.from([0x01, 0x01, 0xff])), { isCritical: true })],
  });
  return {
    cert,
    key: pemOfKey(pair.privateKey),
    issue(subject, hosts = ["localhost", "127.0.0.1"], { endMs = Date.now() + dayMs } = {}) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const extensions = [extension("551d11", sequence(...hosts.map(alternativeName)))];
      const { publicKey } = own;
      return {
        cert: certify({ subject, issuer: name, publicKey, signer: pair.privateKey, extensions, endMs }),
        key: pemOfKey(own.privateKey),
      };
    },
  };
}

const dayMs = 86_400_000;

/** @see RFC 5280, 4.1 */
function certify(settings: {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly endMs: number;
}): string {
  const algorithm = sequence(objectId("2a8648ce3d040302"));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(settings.issuer),
    sequence(time(Date.now() - dayMs), time(settings.endMs)),
    nameOf(settings.subject),
    settings.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...settings.extensions)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", body, settings.signer)]);
  const text = sequence(body, algorithm, der(0x03, signature)).toString("base64");
  const lines = text.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const objectId = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const nameOf = (text: string) =>
  sequence(der(0x31, sequence(objectId("550403"), der(0x0c, Buffer.from(text)))));
const time = (ms: number) =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, "")}Z`));

function extension(id: string, value: Buffer, { isCritical = false } = {}): Buffer {
  const critical = isCritical ? [Buffer.from([0x01, 0x01, 0xff])] : [];
  return sequence(objectId(id), ...critical, der(0x04, value));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 4
    ? der(0x87, Buffer.from(host.split(".").map(Number)))
    : der(0x82, Buffer.from(host));
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
