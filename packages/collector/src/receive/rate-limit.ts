/** What each client may send in a second; undefined: as much as it likes. */
export interface RateLimit {
  readonly requestsPerSecond?: number | undefined;
  /** After decompression. */
  readonly bytesPerSecond?: number | undefined;
}

/** Limits apply to each client by itself. */
export interface RateLimiter {
  /** A request begins: counted when the client may send, in how many milliseconds it may when not. */
  enter(client: string): "allowed" | { readonly retryAfterMs: number };
  /** Its size, known when it has been read; a client in debt waits until it is paid by time. */
  spend(client: string, sizeBytes: number): void;
}

/** What is left of this second's allowance; below zero it is a debt. */
interface Account {
  requests: number;
  bytes: number;
  atMs: number;
}

/** More clients than this share one account until others have been silent. */
const accountsMax = 10_000;
const sharedAccount = "others";

/** A second's allowance may be sent at once: SDKs send a batch every few seconds. */
export function createRateLimiter(
  { requestsPerSecond = Infinity, bytesPerSecond = Infinity }: RateLimit,
  nowMs: () => number,
): RateLimiter {
  const accounts = new Map<string, Account>();
  const isLimited = requestsPerSecond < Infinity || bytesPerSecond < Infinity;

  function accountOf(client: string): Account {
    const known = accounts.get(client);
    if (known !== undefined) return refill(known);
    if (accounts.size >= accountsMax) {
      for (const [name, account] of accounts) if (isFull(refill(account))) accounts.delete(name);
      if (accounts.size >= accountsMax && client !== sharedAccount) return accountOf(sharedAccount);
    }
    const account = { requests: requestsPerSecond, bytes: bytesPerSecond, atMs: nowMs() };
    accounts.set(client, account);
    return account;
  }

  function refill(account: Account): Account {
    const seconds = Math.max(0, nowMs() - account.atMs) / 1_000;
    account.atMs = nowMs();
    // Without a limit it is Infinity throughout; with a clock that stands it stays what it was.
    if (seconds > 0) {
      account.requests = Math.min(requestsPerSecond, account.requests + seconds * requestsPerSecond);
      account.bytes = Math.min(bytesPerSecond, account.bytes + seconds * bytesPerSecond);
    }
    return account;
  }

  function isFull({ requests, bytes }: Account): boolean {
    return requests >= requestsPerSecond && bytes >= bytesPerSecond;
  }

  return {
    enter(client) {
      if (!isLimited) return "allowed";
      const account = accountOf(client);
      const waitSeconds = Math.max(
        account.requests >= 1 ? 0 : (1 - account.requests) / requestsPerSecond,
        account.bytes > 0 ? 0 : (1 - account.bytes) / bytesPerSecond,
      );
      if (waitSeconds > 0) return { retryAfterMs: Math.ceil(waitSeconds * 1_000) };
      account.requests -= 1;
      return "allowed";
    },
    spend(client, sizeBytes) {
      if (isLimited) accountOf(client).bytes -= sizeBytes;
    },
  };
}
