const offsetBasis = 14_695_981_039_346_656_037n;
const prime = 1_099_511_628_211n;
const mask = 2n ** 64n - 1n;
const separator = 0xff;

const encoder = new TextEncoder();

/**
 * Identity of an alert: FNV-1a 64 over name, 0xFF, value, 0xFF of the labels sorted by name, in 16 hex digits.
 * @see prometheus/common, model/signature.go, which Alertmanager's fingerprints come from
 */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  let hash = offsetBasis;
  const add = (byte: number) => {
    hash = ((hash ^ BigInt(byte)) * prime) & mask;
  };
  const names = Object.keys(labels)
    .map((name) => ({ name, bytes: encoder.encode(name) }))
    .sort((left, right) => Buffer.compare(left.bytes, right.bytes));
  for (const { name, bytes } of names) {
    for (const byte of bytes) add(byte);
    add(separator);
    for (const byte of encoder.encode(labels[name])) add(byte);
    add(separator);
  }
  return hash.toString(16).padStart(16, "0");
}
