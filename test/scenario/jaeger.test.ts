import { expect, test } from "vitest";
import { describeWithParts, startJaeger } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { getJson, startCollector } from "./quartet.ts";
import { startShop } from "./service.ts";

interface JaegerTrace {
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  readonly spans: readonly {
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: string }[];
  }[];
}

/** Client and server spans from the root down: service, kind. */
const wayOfOneOrder = [
  ["gateway", "server"],
  ["gateway", "client"],
  ["checkout", "server"],
  ["checkout", "client"],
  ["payments", "server"],
];

describeWithParts("Jaeger behind the collector", ["jaeger"], () => {
  test("one order is one trace: gateway calls checkout, which calls payments", async () => {
    await using jaeger = await startJaeger();
    await using collector = await startCollector({
      config: {
        export: { jaeger: { type: "otlp_http", endpoint: jaeger.otlpHttpUrl, signals: ["traces"] } },
      },
    });
    await using shop = await startShop(collector.otlpUrl);
    const order = await fetch(`${shop.gatewayUrl}/buy/teapot`, { method: "POST" });
    expect(order.status).toBe(201);
    const way = await until(
      async () => {
        const { data } = await getJson<{ data: readonly JaegerTrace[] }>(
          `${jaeger.queryUrl}/api/traces?service=payments`,
        );
        // Payments was also asked whether it is up.
        const found = wayOf(data.toSorted((a, b) => b.spans.length - a.spans.length)[0]);
        expect(found.map(({ service, kind }) => [service, kind])).toEqual(wayOfOneOrder);
        return found;
      },
      { deadlineMs: 60_000, what: "the order's trace in Jaeger", intervalMs: 200 },
    );
    expect(way.filter(({ kind }) => kind === "server").map(({ name }) => name)).toEqual([
      "POST /buy/:article",
      "POST /orders",
      "POST /charges",
    ]);
    expect(
      (await getJson<{ services: string[] }>(`${jaeger.queryUrl}/api/v3/services`)).services.toSorted(),
    ).toEqual(["checkout", "gateway", "payments"]);
  });
});

/** The trace's client and server spans from the root to the last child; spans of other kinds are stepped over. */
function wayOf(trace: JaegerTrace | undefined): readonly { service: string; kind: string; name: string }[] {
  if (trace === undefined) return [];
  const kindOf = (span: JaegerTrace["spans"][number]): string =>
    span.tags.find(({ key }) => key === "span.kind")?.value ?? "internal";
  const parentOf = (span: JaegerTrace["spans"][number]): string | undefined =>
    span.references.find(({ refType }) => refType === "CHILD_OF")?.spanID;
  const byId = new Map(trace.spans.map((span) => [span.spanID, span]));
  const nearestOf = (span: JaegerTrace["spans"][number]): string | undefined => {
    const parentId = parentOf(span);
    const parent = parentId === undefined ? undefined : byId.get(parentId);
    if (parentId !== undefined && parent === undefined) return "missing";
    return parent === undefined || kindOf(parent) !== "internal" ? parent?.spanID : nearestOf(parent);
  };
  const wanted = trace.spans.filter((span) => kindOf(span) !== "internal");
  const way: { service: string; kind: string; name: string }[] = [];
  let parentId: string | undefined;
  for (;;) {
    const next = wanted.filter((span) => nearestOf(span) === parentId);
    const [span] = next;
    // Two children, or a loop, would be a wrong trace; what was found so far shows it.
    if (span === undefined || next.length > 1 || way.length > wanted.length) return way;
    way.push({
      service: trace.processes[span.processID]?.serviceName ?? "",
      kind: kindOf(span),
      name: span.operationName,
    });
    parentId = span.spanID;
  }
}
