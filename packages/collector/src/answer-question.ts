import type { ProcessFacts } from "./answers/index.ts";
import { success, type Answer, type Endpoint, type Parameters } from "./api/index.ts";
import type { QueryPool } from "./query-pool.ts";
import type { GroupAnswer } from "./rules/index.ts";
import type { Remote } from "./thread.ts";
import { version } from "./version.ts";

/** With the language they bring, loaded into this thread for the first who asks. */
const loadAnswers = () => import("./answers/index.ts");

/** Sends a question to the thread that has the data; what every thread knows is answered here. */
export async function answerQuestion(
  threads: { readonly evaluate: Remote; readonly queries: QueryPool },
  question: {
    readonly endpoint: Endpoint;
    readonly parameters: Parameters;
    readonly signal: AbortSignal;
    readonly facts: () => ProcessFacts;
  },
): Promise<Answer> {
  const { endpoint, parameters, signal, facts } = question;
  const { queries, evaluate } = threads;
  switch (endpoint) {
    case "rules":
      return (await loadAnswers()).answerRules(
        parameters,
        await evaluate.call<readonly GroupAnswer[]>("groups"),
      );
    case "alerts":
      return success(JSON.stringify({ alerts: await evaluate.call("alerts") }));
    case "buildinfo":
      // Clients look here for a Prometheus version to decide what they may ask for.
      return success(
        JSON.stringify({ version: "3.14.0", application: "Quartet", quartetVersion: version, goVersion: "" }),
      );
    case "targets":
    case "target_metadata":
    case "scrape_pools":
    case "alertmanagers":
      return (await loadAnswers()).answerNothing[endpoint];
    case "features":
      return (await loadAnswers()).answerFeatures(facts());
    case "config":
      return (await loadAnswers()).answerConfig(facts());
    case "flags":
      return (await loadAnswers()).answerFlags(facts());
    case "runtimeinfo":
      return (await loadAnswers()).answerRuntimeInfo(facts());
    case "query":
    case "query_range":
    case "query_exemplars":
    case "format_query":
    case "parse_query":
    case "labels":
    case "label_values":
    case "series":
    case "metadata":
    case "trace":
    case "tsdb":
      return await queries.ask(endpoint, parameters, signal);
  }
}
