import { document } from "./style.ts";

/** Alerts as they stand, and a box for one expression. Links in notifications (`/graph?g0.expr=…`) end here. */
export const queryPage: string = document({
  title: "Quartet",
  body: `<header><h1>Quartet</h1><span class="soft" id="state" role="status"></span></header>
<main>
  <form id="form"><input id="expression" name="expression" aria-label="PromQL expression" placeholder="PromQL, such as sum by (service_name) (rate(traces_span_metrics_calls_total[1m]))" autocomplete="off" spellcheck="false"><button>Run</button></form>
  <div id="result"></div>
  <h2>Alerts</h2>
  <div id="alerts"></div>
  <h2>Rules</h2>
  <div id="rules"></div>
</main>`,
  script: `
  const byId = (id) => document.getElementById(id);
  const table = (heads, rows) => {
    const made = element("table");
    made.append(row(...heads.map((head) => element("th", head))), ...rows);
    return made;
  };
  const showResult = async (expression) => {
    if (!expression) return byId("result").replaceChildren();
    try {
      const { data } = await ask("api/v1/query?query=" + encodeURIComponent(expression));
      const series = Array.isArray(data.result[0]) || data.resultType === "vector" || data.resultType === "matrix"
        ? data.result : [{ metric: {}, value: data.result }];
      const rows = series.map((one) => row(
        cell(labelsText(one.metric), "mono"),
        cell(one.value ? one.value[1] : (one.values || []).map(([at, value]) => value + " @ " + at).join("  "), "number"),
      ));
      byId("result").replaceChildren(rows.length > 0 ? table(["series", "value"], rows) : element("p", "No series matches at this moment.", "soft"));
    } catch (error) {
      byId("result").replaceChildren(element("p", error.message, "error"));
    }
  };
  const queryLink = (expression) => {
    const made = element("a", expression);
    made.href = "graph?g0.expr=" + encodeURIComponent(expression);
    const holder = element("td", undefined, "mono");
    holder.append(made);
    return holder;
  };
  const refresh = async () => {
    try {
      const { data } = await ask("api/v1/rules");
      const rules = data.groups.flatMap((group) => group.rules.map((rule) => ({ group, rule })));
      const alerts = rules.flatMap(({ rule }) => (rule.alerts || []).map((alert) => ({ rule, alert })));
      byId("alerts").replaceChildren(alerts.length > 0
        ? table(["state", "alert", "labels", "since"], alerts.map(({ rule, alert }) => row(
            cell(alert.state, alert.state), cell(rule.name),
            cell(labelsText(Object.fromEntries(Object.entries(alert.labels).filter(([name]) => name !== "alertname"))), "mono"),
            cell(alert.activeAt))))
        : element("p", "Nothing is wrong, as far as the rules can tell.", "soft"));
      byId("rules").replaceChildren(rules.length > 0
        ? table(["group", "rule", "expression", "health"], rules.map(({ group, rule }) => row(
            cell(group.name), cell(rule.name), queryLink(rule.query), cell(rule.lastError || rule.health, rule.lastError ? "error" : ""))))
        : element("p", "No rule file is configured: name some under rules.files.", "soft"));
      byId("state").textContent = "live";
    } catch (error) {
      byId("state").textContent = "the collector does not answer: " + error.message;
    }
  };
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const expression = byId("expression").value;
    history.pushState(undefined, "", "graph?g0.expr=" + encodeURIComponent(expression));
    showResult(expression);
  });
  const fromAddress = () => {
    const expression = new URLSearchParams(location.search).get("g0.expr") || "";
    byId("expression").value = expression;
    showResult(expression);
  };
  addEventListener("popstate", fromAddress);
  fromAddress();
  refresh();
  setInterval(refresh, 2000);
`,
});
