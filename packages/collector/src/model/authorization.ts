import { createHash, timingSafeEqual } from "node:crypto";

/** Whether the Authorization header carries one of the tokens, compared in the same time whatever it says. */
export function isAuthorized(header: string | undefined, tokens: readonly string[]): boolean {
  if (tokens.length === 0) return true;
  const given = digest(/^Bearer\s+(.+)$/i.exec(header ?? "")?.[1] ?? "");
  // All are compared: leaving at the first match would tell how far down the list it stands.
  return tokens.map((token) => timingSafeEqual(digest(token), given)).includes(true);
}

/** Digests have one length, which timingSafeEqual asks for. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
