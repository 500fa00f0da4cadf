import { isIPv6, type Socket } from "node:net";

/** The address of whoever is at the other end; of IPv6 the first half, as a site has the other half to itself. */
export function clientAddress({ remoteAddress }: Pick<Socket, "remoteAddress">): string {
  const address = (remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/i, "");
  return isIPv6(address) ? siteOf(address) : address;
}

/** The first four of the eight groups. */
function siteOf(address: string): string {
  const [before = "", after] = address.split("::");
  const groups = before.split(":").filter((group) => group !== "");
  if (after === undefined) return groups.slice(0, 4).join(":");
  const last = after.split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - last.length) }, () => "0");
  return [...groups, ...zeros, ...last].slice(0, 4).join(":");
}
