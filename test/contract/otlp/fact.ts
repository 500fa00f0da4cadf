import { test } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** Where the fact is demanded. */
    section?: string;
    /** Why it could not be asked of this endpoint. */
    leftOut?: string;
  }
}

/** One server under test; what is undefined cannot be asked of it, and its facts are left out. */
export interface OtlpServer {
  /** host:port of OTLP over HTTP, and of gRPC; they may be the same. */
  readonly http: string;
  readonly grpc: string;
  /** TLS on both, with a certificate of `ca`. */
  readonly tls: { readonly http: string; readonly grpc: string; readonly ca: string } | undefined;
  /** A web page's origin that may send to `http`. */
  readonly corsOrigin: string | undefined;
  /** One whose queue is full. */
  readonly full: string | undefined;
  /** One that asks for this token. */
  readonly guarded: { readonly endpoint: string; readonly token: string } | undefined;
  /** One that takes a request a second from each client. */
  readonly limited: string | undefined;
}

type Part = "tls" | "corsOrigin" | "full" | "guarded" | "limited";

const reasons: Readonly<Record<Part, string>> = {
  tls: "no TLS endpoint was named",
  corsOrigin: "no origin was named that may send",
  full: "needs a server whose queue is full",
  guarded: "needs a server with a token of ours",
  limited: "needs a server with a rate limit of ours",
};

/** A test whose name is the fact, with the place that demands it; without the part that it needs it is left out, with the reason. */
export function fact(section: string, name: string, run: () => Promise<void>): void {
  test(name, { meta: { section } }, run);
}

/** As `fact`, about a part that a server need not have. */
export function factOf<P extends Part>(
  part: P,
  server: () => OtlpServer,
  [section, name, run]: readonly [
    section: string,
    name: string,
    run: (part: NonNullable<OtlpServer[P]>) => Promise<void>,
  ],
): void {
  test(name, { meta: { section } }, async ({ task, skip }) => {
    const found = server()[part];
    if (found === undefined) {
      task.meta.leftOut = reasons[part];
      skip(reasons[part]);
    }
    await run(found as NonNullable<OtlpServer[P]>);
  });
}
