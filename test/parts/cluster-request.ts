import { request as requestHttps } from "node:https";

export interface ClusterRequest {
  /** GET when not given. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` when not given; a PATCH needs its own. */
  readonly contentType?: string;
}

export interface ClusterAnswer {
  readonly status: number;
  readonly text: string;
  /** @throws SyntaxError when the body is not JSON. */
  json(): unknown;
}

const deadlineMs = 30_000;

/** One HTTPS request with a bearer token to a server whose certificate is known; `fetch` cannot be told the certificate. */
export function requestCluster(
  { method = "GET", path, body, contentType = "application/json" }: ClusterRequest,
  server: { readonly url: string; readonly token: string; readonly certificateAuthority: string },
): Promise<ClusterAnswer> {
  return new Promise((resolve, reject) => {
    const request = requestHttps(
      new URL(path, server.url),
      {
        method,
        ca: server.certificateAuthority,
        // A connection kept open would hold up the server's end.
        agent: false,
        signal: AbortSignal.timeout(deadlineMs),
        headers: {
          authorization: `Bearer ${server.token}`,
          accept: "application/json",
          "content-type": contentType,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, text, json: () => JSON.parse(text) as unknown });
        });
      },
    );
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
