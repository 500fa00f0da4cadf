/** One attempt to deliver a notification. */
export interface PostRequest {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Ends the attempt from outside. */
  readonly signal: AbortSignal;
}

/** What became of an attempt. */
export type PostOutcome =
  | { readonly kind: "accepted" }
  /** Trying again may help. */
  | { readonly kind: "retryable"; readonly cause: string; readonly retryAfterMs: number | undefined }
  /** The receiver does not want it; trying again cannot help. */
  | { readonly kind: "refused"; readonly cause: string };

/** Delivers over HTTP. Never rejects. */
export type Post = (request: PostRequest) => Promise<PostOutcome>;

// RFC 9110: 408 and 425 ask to try again, 429 to do so later; 5xx is trouble on the other side.
const retryableStatus = new Set([408, 425, 429]);
const answerCharsMax = 500;

/**
 * Posts JSON with Node's fetch. 2xx is accepted; network errors, a timeout, 408, 425, 429 and 5xx are retryable, with
 * the answer's Retry-After; anything else is refused, redirects too: a POST that is redirected may arrive as a GET.
 */
export const postWebhook: Post = async ({ url, body, headers, timeoutMs, signal }) => {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const answer = (await readStart(response)).trim();
    if (response.ok) return { kind: "accepted" };
    const cause = `HTTP ${response.status}${answer === "" ? "" : `: ${answer}`}`;
    if (!retryableStatus.has(response.status) && response.status < 500) return { kind: "refused", cause };
    return { kind: "retryable", cause, retryAfterMs: parseRetryAfter(response.headers.get("retry-after")) };
  } catch (cause) {
    return { kind: "retryable", cause: describe(cause), retryAfterMs: undefined };
  }
};

/** The beginning of an answer; the rest is not waited for. */
async function readStart(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < answerCharsMax) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  await reader.cancel();
  return text.slice(0, answerCharsMax);
}

/** Milliseconds of a Retry-After in seconds or as a date; undefined when there is none. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - Date.now());
}

/** A network error in words; fetch hides the reason in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message;
}
