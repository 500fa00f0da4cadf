import { createHash, timingSafeEqual } from "node:crypto";

/** Of each list of tokens, as it is asked for with every request. */
const digests = new WeakMap<readonly string[], readonly Buffer[]>();

/** Whether the Authorization header carries one of the tokens, compared in the same time whatever it says. */
export function isAuthorized(header: string | undefined, tokens: readonly string[]): boolean {
  return tokens.length === 0 || findToken(header, tokens) !== undefined;
}

/** Which token the Authorization header carries, as a name that gives nothing away and that no other token has; undefined when it carries none. */
export function findToken(header: string | undefined, tokens: readonly string[]): string | undefined {
  let known = digests.get(tokens);
  if (known === undefined) digests.set(tokens, (known = tokens.map(digest)));
  const given = digest(/^Bearer\s+(.+)$/i.exec(header ?? "")?.[1] ?? "");
  // All are compared: leaving at the first match would tell how far down the list it stands.
  const index = known.map((token) => timingSafeEqual(token, given)).indexOf(true);
  return index < 0 ? undefined : known[index]!.toString("base64url", 0, nameBytes);
}

/** Enough for no two tokens to share a name. */
const nameBytes = 12;

/** Digests have one length, which timingSafeEqual asks for. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
