import { document } from "./style.ts";

/** One trace as a waterfall, from `/api/v3/traces/…`. Spans whose parent is missing start a tree of their own. */
export const tracePage: string = document({
  title: "Quartet: trace",
  body: `<header><h1>Trace</h1><code id="id"></code><span class="soft" id="state" role="status">loading</span></header>
<main><div id="spans"></div></main>`,
  script: `
  const id = location.pathname.split("/").pop();
  document.getElementById("id").textContent = id;
  const state = document.getElementById("state");
  const nanosToMs = (text) => Number(BigInt(text) / 1000n) / 1000;
  const textOf = (value) => value === undefined ? "" : String(value.stringValue ?? value.intValue ?? value.boolValue ?? value.doubleValue ?? "");
  const attribute = (attributes, key) => textOf((attributes || []).find((one) => one.key === key)?.value);
  const flatten = (resourceSpans) => resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({
      ...span,
      service: attribute(resource?.attributes, "service.name"),
      startMs: nanosToMs(span.startTimeUnixNano),
      endMs: nanosToMs(span.endTimeUnixNano),
      isFailed: span.status?.code === 2 || span.status?.code === "STATUS_CODE_ERROR",
    }))));
  const inOrder = (spans) => {
    const known = new Set(spans.map((span) => span.spanId));
    const children = Map.groupBy(spans, (span) => known.has(span.parentSpanId) ? span.parentSpanId : "");
    const ordered = [];
    const seen = new Set();
    const visit = (span, depth) => {
      if (seen.has(span.spanId)) return;
      seen.add(span.spanId);
      ordered.push({ ...span, depth });
      for (const child of (children.get(span.spanId) || []).sort((a, b) => a.startMs - b.startMs)) visit(child, depth + 1);
    };
    for (const root of (children.get("") || []).sort((a, b) => a.startMs - b.startMs)) visit(root, 0);
    for (const span of spans) visit(span, 0);
    return ordered;
  };
  const show = async () => {
    try {
      const { result } = await ask("../api/v3/traces/" + id);
      const spans = inOrder(flatten(result.resourceSpans));
      const startMs = Math.min(...spans.map((span) => span.startMs));
      const wholeMs = Math.max(0.001, Math.max(...spans.map((span) => span.endMs)) - startMs);
      const rows = spans.map((span) => {
        const name = cell(span.name, span.isFailed ? "firing" : "");
        name.style.paddingLeft = 0.7 + span.depth * 1.2 + "rem";
        const bar = element("span", undefined, span.isFailed ? "failed" : "");
        bar.style.left = ((span.startMs - startMs) / wholeMs) * 100 + "%";
        bar.style.width = ((span.endMs - span.startMs) / wholeMs) * 100 + "%";
        const lane = element("div", undefined, "lane");
        lane.append(bar);
        const holder = element("td");
        holder.append(lane);
        const status = attribute(span.attributes, "http.response.status_code");
        return row(cell(span.service), name, cell(status), holder, cell((span.endMs - span.startMs).toFixed(2) + " ms", "number"));
      });
      const made = element("table");
      made.append(row(...["service", "span", "status", "", "duration"].map((head) => element("th", head))), ...rows);
      document.getElementById("spans").replaceChildren(made);
      const services = new Set(spans.map((span) => span.service));
      state.textContent = spans.length + " spans in " + services.size + " services, " + wholeMs.toFixed(1) + " ms, " + new Date(startMs).toISOString();
    } catch (error) {
      state.textContent = error.message;
    }
  };
  show();
`,
});
