import type { KubeConfig, RequestContext } from "@kubernetes/client-node";
import { InstallerError } from "../output/index.ts";

/** What the user chose; messages name all three. */
export interface ClusterTarget {
  /** The kubeconfig's path, or what stands for it. */
  readonly source: string;
  readonly context: string;
  /** The API server's URL. */
  readonly address: string;
}

interface ClusterRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` when not given. */
  readonly contentType?: string;
  readonly accept?: string;
}

export interface ClusterAnswer {
  readonly status: number;
  /** undefined when the body is empty or no JSON. */
  readonly body: unknown;
  /** What the API server warns of, e.g. pods that a security standard will refuse. */
  readonly warnings: readonly string[];
}

/** Requests by what they do. `writes` are the ones that may change something: neither dry runs nor reviews of access. */
interface RequestCounts {
  readonly reads: number;
  readonly dryRuns: number;
  readonly writes: number;
}

export interface ClusterClient {
  readonly target: ClusterTarget;
  /**
   * One request; every status is an answer.
   * @throws InstallerError QUARTET_CLUSTER_UNREACHABLE when there is no answer (named with kubeconfig, context and address),
   * QUARTET_CLUSTER_REFUSED for 401.
   */
  request(request: ClusterRequest): Promise<ClusterAnswer>;
  counts(): RequestCounts;
  close(): Promise<void>;
}

/** An answer should come within this; a watch is never opened. */
const requestTimeoutMs = 30_000;

export function createClusterClient(settings: {
  readonly kubernetes: typeof import("@kubernetes/client-node");
  readonly config: KubeConfig;
  readonly target: ClusterTarget;
  readonly signal: AbortSignal;
}): ClusterClient {
  const { kubernetes, config, target, signal } = settings;
  const http = new kubernetes.IsomorphicFetchHttpLibrary();
  const counts = { reads: 0, dryRuns: 0, writes: 0 };
  let dispatcher: ReturnType<RequestContext["getDispatcher"]>;

  const send = async (request: ClusterRequest): Promise<ClusterAnswer> => {
    const base = target.address.replace(/\/+$/, "");
    const context = new kubernetes.RequestContext(
      `${base}${request.path}`,
      kubernetes.HttpMethod[request.method],
    );
    // Audit logs tell by it who asked.
    context.setHeaderParam("User-Agent", "quartet");
    context.setHeaderParam("Accept", request.accept ?? "application/json");
    if (request.body !== undefined) {
      context.setHeaderParam("Content-Type", request.contentType ?? "application/json");
      context.setBody(JSON.stringify(request.body));
    }
    await authenticate(config, { context, target });
    // The library makes a pool of connections for every request; one is enough for all.
    dispatcher ??= context.getDispatcher();
    if (dispatcher !== undefined) context.setDispatcher(dispatcher);
    context.setSignal(AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]));
    const response = await http.send(context).toPromise();
    const text = await response.body.text();
    return {
      status: response.httpStatusCode,
      body: parseJson(text),
      warnings: parseWarnings(response.headers["warning"]),
    };
  };

  return {
    target,
    async request(request) {
      signal.throwIfAborted();
      counts[kindOf(request)] += 1;
      let answer: ClusterAnswer;
      try {
        answer = await send(request);
      } catch (cause) {
        signal.throwIfAborted();
        if (cause instanceof InstallerError) throw cause;
        throw unreachable(target, cause);
      }
      if (answer.status === 401) {
        throw new InstallerError(
          "QUARTET_CLUSTER_REFUSED",
          `${target.address} does not accept the credentials of the context ${target.context} (${target.source})`,
        );
      }
      return answer;
    },
    counts: () => ({ ...counts }),
    close: async () => {
      await dispatcher?.close();
    },
  };
}

/** Adds the credentials; a plugin that makes them may fail. */
async function authenticate(
  config: KubeConfig,
  { context, target }: { readonly context: RequestContext; readonly target: ClusterTarget },
): Promise<void> {
  try {
    await config.applySecurityAuthentication(context);
  } catch (cause) {
    throw new InstallerError(
      "QUARTET_CLUSTER_REFUSED",
      `the context ${target.context} of ${target.source} gives no credentials for ${target.address}: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

function kindOf({ method, path }: ClusterRequest): keyof RequestCounts {
  if (method === "GET") return "reads";
  if (path.includes("dryRun=All")) return "dryRuns";
  // A review is asked with POST and stored nowhere.
  return path.includes("accessreviews") ? "reads" : "writes";
}

function unreachable(target: ClusterTarget, cause: unknown): InstallerError {
  return new InstallerError(
    "QUARTET_CLUSTER_UNREACHABLE",
    `cannot reach the Kubernetes API at ${target.address} (context ${target.context} of ${target.source}): ${reasonOf(cause)}; ` +
      "start the cluster, or choose another with --context or --kubeconfig",
    { cause },
  );
}

/** The innermost reason: fetch wraps it as "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${requestTimeoutMs / 1000} s`;
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (error.cause !== undefined) return reasonOf(error.cause);
  return error.message;
}

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // A proxy's page, or the plain text of a health check: the status says enough.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `299 - "text"`, several separated by commas. @see RFC 7234, section 5.5 */
function parseWarnings(header: string | undefined): readonly string[] {
  return [...(header ?? "").matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) =>
    match[1]!.replaceAll(/\\(.)/g, "$1"),
  );
}
