import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

interface SeenRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The user of Basic authentication; undefined without. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** The few endpoints of Elasticsearch that a writer of documents needs to start; it keeps no document, only what was asked. */
export interface ElasticsearchDouble extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly seen: readonly SeenRequest[];
  /** Indices that documents were written to. */
  readonly indices: ReadonlySet<string>;
}

const maxSeen = 1_000;

export async function startElasticsearchDouble(version: string): Promise<ElasticsearchDouble> {
  const seen: SeenRequest[] = [];
  const indices = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = (request.url ?? "/").split("?")[0] ?? "/";
      const [user, password] = Buffer.from(
        /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "",
        "base64",
      )
        .toString("utf8")
        .split(":");
      if (seen.length < maxSeen) {
        seen.push({ method: request.method ?? "", path, user: user === "" ? undefined : user, password });
      }
      response.setHeader("content-type", "application/json");
      // Elastic's own client looks for it.
      response.setHeader("x-elastic-product", "Elasticsearch");
      const raw = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
      response.end(JSON.stringify(answer(path, body.toString("utf8"), { version, indices })));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    indices,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(
  path: string,
  body: string,
  store: { readonly version: string; readonly indices: Set<string> },
): unknown {
  if (path === "/") return { version: { number: store.version }, tagline: "You Know, for Search" };
  if (path.endsWith("/_bulk")) {
    const items = body.split("\n").flatMap((line) => {
      const action = /"(?:index|create)":\{[^}]*"_index":"([^"]+)"/.exec(line)?.[1];
      if (action === undefined) return [];
      store.indices.add(action);
      return [{ index: { _index: action, status: 201 } }];
    });
    return { errors: false, items };
  }
  return { acknowledged: true };
}
