import { expect, test } from "vitest";
import { prepareServer } from "../../../../packages/collector/src/export/elasticsearch/prepare.ts";
import { systemClock } from "../../../../packages/collector/src/model/index.ts";
import { startTestBackend, type Answer, type ReceivedRequest } from "../backend.ts";
import { openTransport } from "../harness.ts";

const dayMs = 86_400_000;
const name = "quartet-logs-otel";
const component = `/_component_template/${name}`;
const index = `/_index_template/${name}`;
const ilm = `/_ilm/policy/${name}`;
const ism = `/_plugins/_ism/policies/${name}`;

const json = (status: number, body: object): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** A server that keeps what is put, and gives it back the way Elasticsearch and OpenSearch do. */
interface StandIn {
  /** What was put, by path. */
  readonly kept: Map<string, unknown>;
  readonly puts: string[];
  readonly warnings: string[];
  prepare(retentionMs?: number): ReturnType<typeof prepareServer>;
}

interface Flavour {
  readonly apis: readonly string[];
  /** Why a template is not taken. */
  readonly refuse?: (body: string) => string | undefined;
}

const elasticsearch: Flavour = { apis: ["/_ilm/", "/_component_template/", "/_index_template/"] };
const withoutIlm: Flavour = { apis: ["/_component_template/", "/_index_template/"] };
const openSearch: Flavour = {
  apis: ["/_plugins/_ism/", "/_component_template/", "/_index_template/"],
  refuse: (body) =>
    /passthrough|subobjects|ignore_dynamic_beyond_limit|data_retention/.exec(body)?.[0] &&
    "unsupported parameters",
};

async function withStandIn(
  { apis, refuse }: Flavour,
  run: (standIn: StandIn) => Promise<void>,
): Promise<void> {
  await using backend = await startTestBackend();
  const kept = new Map<string, unknown>();
  const puts: string[] = [];
  const warnings: string[] = [];
  backend.answer = ({ method, path, body }: ReceivedRequest): Answer => {
    const [place = ""] = path.split("?");
    if (!apis.some((api) => place.startsWith(api)))
      return json(400, { error: `no handler found for uri [${path}] and method [${method}]` });
    if (method === "PUT") {
      const problem = refuse?.(body.toString());
      if (problem !== undefined)
        return json(400, { error: { type: "mapper_parsing_exception", reason: problem } });
      kept.set(place, JSON.parse(body.toString()));
      puts.push(path);
      return json(200, { acknowledged: true });
    }
    const found = kept.get(place);
    if (found === undefined) return json(404, { status: 404 });
    const own = place.split("/").at(-1)!;
    if (place.startsWith("/_component_template/"))
      return json(200, { component_templates: [{ name: own, component_template: found }] });
    if (place.startsWith("/_index_template/"))
      return json(200, { index_templates: [{ name: own, index_template: found }] });
    if (place.startsWith("/_ilm/")) return json(200, { [own]: { version: 1, ...(found as object) } });
    return json(200, { _id: own, _seq_no: 7, _primary_term: 1, ...(found as object) });
  };
  const transport = openTransport();
  try {
    await run({
      kept,
      puts,
      warnings,
      prepare: (retentionMs) =>
        prepareServer(
          {
            endpoint: new URL(`${backend.endpoint}/`),
            signal: "logs",
            retentionMs,
            transport,
            clock: systemClock,
            log: {
              info: () => undefined,
              warn: (message) => warnings.push(message),
              error: (message) => warnings.push(message),
            },
          },
          AbortSignal.timeout(10_000),
        ),
    });
  } finally {
    transport.close();
  }
}

const accepted = { kind: "accepted" };

test("templates are installed once, and without a retention nothing else", async () => {
  await withStandIn(elasticsearch, async ({ prepare, puts, kept }) => {
    expect(await prepare()).toMatchObject(accepted);
    expect(await prepare()).toMatchObject(accepted);
    expect(puts).toEqual([component, index]);
    expect(kept.get(index)).toMatchObject({
      index_patterns: ["logs-*.otel-*"],
      composed_of: [name],
      data_stream: {},
      version: 1,
    });
    expect(kept.get(component)).toMatchObject({
      template: { mappings: { properties: { attributes: { type: "passthrough" } } } },
    });
  });
});

test("with ILM the retention is a policy that deletes, and a changed retention changes it", async () => {
  await withStandIn(elasticsearch, async ({ prepare, puts, kept }) => {
    await prepare(7 * dayMs);
    expect(kept.get(ilm)).toMatchObject({
      policy: {
        phases: {
          hot: { actions: { rollover: { max_age: "1d" } } },
          delete: { min_age: "7d", actions: { delete: {} } },
        },
      },
    });
    expect(kept.get(component)).toMatchObject({
      template: { settings: { index: { lifecycle: { name } } } },
    });
    puts.length = 0;
    await prepare(7 * dayMs);
    expect(puts).toEqual([]);
    await prepare(30 * dayMs);
    expect(puts[0]).toBe(ilm);
    expect(kept.get(ilm)).toMatchObject({ policy: { phases: { delete: { min_age: "30d" } } } });
  });
});

test("where Elasticsearch brings its own template, our policy hangs on the component that it has for that", async () => {
  await withStandIn(elasticsearch, async ({ prepare, kept }) => {
    kept.set("/_index_template/logs-otel@template", { version: 15, priority: 120 });
    await prepare(dayMs / 2);
    expect(kept.get("/_component_template/logs-otel@custom")).toMatchObject({
      template: { settings: { index: { lifecycle: { name } } } },
    });
    expect(kept.get(ilm)).toMatchObject({
      policy: { phases: { hot: { actions: { rollover: { max_age: "12h" } } }, delete: { min_age: "12h" } } },
    });
  });
});

test("OpenSearch gets an ISM policy and fields of its own kind; a changed retention replaces what was seen", async () => {
  await withStandIn(openSearch, async ({ prepare, puts, kept, warnings }) => {
    await prepare(7 * dayMs);
    expect(kept.get(ism)).toMatchObject({
      policy: {
        default_state: "hot",
        states: [
          { transitions: [{ state_name: "delete", conditions: { min_rollover_age: "7d" } }] },
          { actions: [{ delete: {} }] },
        ],
        ism_template: [{ index_patterns: ["logs-*.otel-*"] }],
      },
    });
    expect(kept.get(component)).toMatchObject({
      template: { mappings: { properties: { attributes: { type: "flat_object" } } } },
    });
    await prepare(8 * dayMs);
    expect(puts.filter((path) => path.startsWith(ism))).toEqual([
      ism,
      `${ism}?if_seq_no=7&if_primary_term=1`,
    ]);
    expect(warnings).toEqual([]);
  });
});

test("without ILM and ISM the data stream deletes by itself, and where it cannot that is said", async () => {
  await withStandIn(withoutIlm, async ({ prepare, kept }) => {
    await prepare(7 * dayMs);
    expect(kept.get(component)).toMatchObject({ template: { lifecycle: { data_retention: "7d" } } });
  });
  const bare = { ...openSearch, apis: withoutIlm.apis };
  await withStandIn(bare, async ({ prepare, warnings }) => {
    expect(await prepare(7 * dayMs)).toMatchObject(accepted);
    expect(warnings).toEqual([expect.stringContaining("no way to delete old data")]);
  });
});

test("what an operator made, changed or raised stays; an older version of ours is replaced", async () => {
  await withStandIn(elasticsearch, async ({ prepare, puts, kept }) => {
    const own = { policy: { phases: { delete: { min_age: "90d" } } } };
    kept.set(ilm, own);
    kept.set(component, { version: 99, _meta: { managed_by: "quartet" }, template: {} });
    kept.set(index, { version: 1, index_patterns: ["logs-*"], _meta: { managed_by: "somebody" } });
    await prepare(7 * dayMs);
    expect(puts).toEqual([]);
    kept.set(index, { version: 0, index_patterns: ["logs-*"], _meta: { managed_by: "quartet" } });
    await prepare(7 * dayMs);
    expect(puts).toEqual([index]);
  });
});

test("a server that refuses pauses the export with its words and with the way out", async () => {
  const refusing: Flavour = { ...elasticsearch, refuse: () => "cluster is read-only" };
  await withStandIn(refusing, async ({ prepare }) => {
    const outcome = await prepare();
    expect(outcome).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("cluster is read-only"),
    });
    expect(outcome).toMatchObject({ message: expect.stringContaining("templates: false") });
  });
});
