import type { Clock } from "../../model/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { describeResponse, outcomeOfError, outcomeOfFailure, type Outcome } from "../outcome.ts";
import type { ExportRequest, ExportResponse, Transport } from "../transport.ts";
import {
  buildIlmPolicy,
  buildIsmPolicy,
  formatAge,
  isOutdatedIlm,
  isOutdatedIsm,
  type Lifecycle,
} from "./retention.ts";
import { buildTemplates, fieldKinds, managedBy, templateName, templateVersion } from "./templates.ts";

export interface PrepareSettings {
  readonly endpoint: URL;
  readonly signal: "logs" | "traces";
  /** How long data stays; undefined leaves that to the server's own templates. */
  readonly retentionMs: number | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** An answer that ends the attempt. */
class Unprepared extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super("not prepared");
    this.outcome = outcome;
  }
}

/**
 * Makes sure that the server has templates for our data streams and deletes what is older than `retentionMs`. What is there and
 * not ours, or was made by a person of ours (who took the mark `managed_by` away), stays as it is; an older version of ours is replaced.
 */
export async function prepareServer(settings: PrepareSettings, signal: AbortSignal): Promise<Outcome> {
  try {
    await new Preparation(settings, signal).run();
    return { kind: "accepted", rejectedCount: 0, message: "" };
  } catch (error) {
    return error instanceof Unprepared ? error.outcome : outcomeOfError(error);
  }
}

class Preparation {
  readonly #settings: PrepareSettings;
  readonly #signal: AbortSignal;
  readonly #name: string;

  constructor(settings: PrepareSettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
    this.#name = templateName(settings.signal);
  }

  async run(): Promise<void> {
    const { retentionMs } = this.#settings;
    const lifecycle = retentionMs === undefined ? undefined : await this.#installRetention(retentionMs);
    await this.#installTemplates(lifecycle);
    if (lifecycle === "ilm") await this.#customizeServersOwn();
  }

  async #installRetention(retentionMs: number): Promise<Lifecycle> {
    const ilm = `_ilm/policy/${this.#name}`;
    const ilmThere = await this.#get(ilm);
    if (ilmThere !== "unknown_api") {
      const isWanted = ilmThere === undefined || isOutdatedIlm(ilmThere, this.#name, retentionMs);
      if (isWanted) await this.#put(ilm, buildIlmPolicy(retentionMs));
      return "ilm";
    }
    const ism = `_plugins/_ism/policies/${this.#name}`;
    const ismThere = await this.#get(ism);
    if (ismThere === "unknown_api") return "data_stream";
    const pattern = `${this.#settings.signal}-*.otel-*`;
    if (ismThere === undefined) await this.#put(ism, buildIsmPolicy(retentionMs, pattern));
    else if (isOutdatedIsm(ismThere, retentionMs)) {
      // ISM replaces a policy only for somebody who has seen it.
      const { _seq_no, _primary_term } = ismThere as { _seq_no?: number; _primary_term?: number };
      const seen = `if_seq_no=${_seq_no}&if_primary_term=${_primary_term}`;
      await this.#put(`${ism}?${seen}`, buildIsmPolicy(retentionMs, pattern));
    }
    return "ism";
  }

  async #installTemplates(lifecycle: Lifecycle | undefined): Promise<void> {
    const { signal, retentionMs, log } = this.#settings;
    const component = `_component_template/${this.#name}`;
    const index = `_index_template/${this.#name}`;
    const retention = retentionMs === undefined ? undefined : formatAge(retentionMs);
    const isComponentWanted = this.#isWanted(await this.#get(component), "component_template", retention);
    const isIndexWanted = this.#isWanted(await this.#get(index), "index_template", retention);
    if (!isComponentWanted && !isIndexWanted) return;
    let refusal: ExportResponse | undefined;
    for (const fieldKind of fieldKinds) {
      // OpenSearch, which flat_object is for, knows no lifecycle of data streams.
      const hasLifecycle = lifecycle === "data_stream" && fieldKind !== "flat_object";
      const templates = buildTemplates({
        signal,
        fieldKind,
        retention,
        lifecycleSettings: lifecycle === "ilm" ? { lifecycle: { name: this.#name } } : {},
        lifecycleRetention: hasLifecycle ? retention : undefined,
      });
      refusal = isComponentWanted ? await this.#tryPut(component, templates.component) : undefined;
      if (refusal !== undefined) continue;
      if (isIndexWanted) await this.#put(index, templates.index);
      log.info("templates were installed", { name: this.#name, fields: fieldKind });
      if (lifecycle === "data_stream" && !hasLifecycle)
        log.warn("the server has no way to delete old data, so the retention is not in force", { retention });
      return;
    }
    throw this.#failure("PUT", component, refusal!);
  }

  /** Elasticsearch's own template wins over ours where it is there; the component made for that hangs our policy on it. */
  async #customizeServersOwn(): Promise<void> {
    const { signal } = this.#settings;
    const own = await this.#get(`_index_template/${signal}-otel@template`);
    if (own === undefined || own === "unknown_api") return;
    const path = `_component_template/${signal}-otel@custom`;
    if ((await this.#get(path)) !== undefined) return;
    await this.#put(path, {
      _meta: { managed_by: managedBy },
      template: { settings: { index: { lifecycle: { name: this.#name } } } },
    });
  }

  #isWanted(
    answer: unknown,
    kind: "component_template" | "index_template",
    retention: string | undefined,
  ): boolean {
    if (answer === undefined) return true;
    interface Mark {
      readonly version?: number;
      readonly _meta?: { readonly managed_by?: string; readonly retention?: string };
    }
    const list = (answer as Record<string, readonly Record<string, Mark>[] | undefined> | null)?.[`${kind}s`];
    const { version, _meta: meta } = list?.[0]?.[kind] ?? {};
    // Without our mark it is a person's.
    if (version === undefined || meta?.managed_by !== managedBy) return false;
    return version < templateVersion || (version === templateVersion && meta.retention !== retention);
  }

  /** What is there; undefined when it is not, and "unknown_api" when the server does not even know the question. */
  async #get(path: string): Promise<unknown> {
    const response = await this.#send("GET", path);
    const { statusCode } = response;
    if (statusCode === 404) return undefined;
    const isUnknown =
      statusCode === 405 || (statusCode === 400 && response.body.includes("no handler found"));
    if (isUnknown) return "unknown_api";
    if (statusCode !== 200) throw this.#failure("GET", path, response);
    try {
      return JSON.parse(response.body.toString()) as unknown;
    } catch (cause) {
      throw new Error(`GET /${path} was answered with something that is no JSON`, { cause });
    }
  }

  async #put(path: string, body: object): Promise<void> {
    const refusal = await this.#tryPut(path, body);
    if (refusal !== undefined) throw this.#failure("PUT", path, refusal);
  }

  /** The answer when the server refuses it (400). */
  async #tryPut(path: string, body: object): Promise<ExportResponse | undefined> {
    const response = await this.#send("PUT", path, body);
    if (response.statusCode === 400) return response;
    if (response.statusCode !== 200 && response.statusCode !== 201)
      throw this.#failure("PUT", path, response);
    return undefined;
  }

  #send(method: ExportRequest["method"], path: string, body?: object): Promise<ExportResponse> {
    const { transport, endpoint } = this.#settings;
    return transport.send({
      method,
      url: new URL(`${endpoint.href.replace(/\/+$/, "")}/${path}`),
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? [] : [Buffer.from(JSON.stringify(body))],
      signal: this.#signal,
      responseSizeBytesMax: 1024 * 1024,
    });
  }

  #failure(method: string, path: string, response: ExportResponse): Unprepared {
    const outcome = outcomeOfFailure(response, this.#settings.clock.nowMs());
    if (outcome.kind === "accepted") return new Unprepared(outcome);
    const hint = "with templates: false the exporter leaves them to you";
    return new Unprepared({
      ...outcome,
      message: `${method} /${path} was answered ${describeResponse(response)}; ${hint}`,
    });
  }
}
