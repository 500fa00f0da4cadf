/** The inbox's page: one file, no requests but its own, every text set as text. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quartet inbox</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --paper: #f7f7f5; --card: #fff; --ink: #1c1c1a; --soft: #6b6b66; --line: #e3e3de; --fire: #c6282b; --calm: #23824a; }
  @media (prefers-color-scheme: dark) { :root { --paper: #161616; --card: #202020; --ink: #ececea; --soft: #9a9a94; --line: #333; --fire: #ff6b6b; --calm: #5bc98a; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
  header { display: flex; align-items: baseline; gap: 1rem; padding: 1.2rem 1.5rem .8rem; max-width: 60rem; margin: auto; }
  h1 { font-size: 1.15rem; margin: 0; }
  #state { color: var(--soft); margin-left: auto; }
  main { max-width: 60rem; margin: auto; padding: 0 1.5rem 3rem; display: grid; gap: .8rem; }
  article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--calm); border-radius: 6px; padding: .9rem 1.1rem; }
  article.firing { border-left-color: var(--fire); }
  article h2 { font-size: 1rem; margin: 0; display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; }
  .badge { font-size: .72rem; font-weight: 700; letter-spacing: .05em; text-transform: uppercase; color: var(--calm); }
  .firing .badge { color: var(--fire); }
  time { margin-left: auto; font-weight: 400; color: var(--soft); font-variant-numeric: tabular-nums; }
  .summary { margin: .25rem 0 .5rem; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .9rem; margin: 0; font-size: .88rem; }
  dt { color: var(--soft); }
  dd { margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
  a { color: inherit; text-underline-offset: .25em; }
  .empty { color: var(--soft); padding: 2rem 0; }
  code { background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: .1rem .35rem; }
</style>
</head>
<body>
<header><h1>Quartet inbox</h1><span id="count"></span><span id="state" role="status">connecting</span></header>
<main id="alerts" aria-live="polite"></main>
<script>
  const list = document.getElementById("alerts");
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const link = (href, text) => {
    const made = element("a", text);
    if (/^https?:/.test(href)) made.href = href;
    return made;
  };
  const queryOf = (href) => (URL.canParse(href) && new URL(href).searchParams.get("g0.expr")) || href;
  const card = (alert) => {
    const made = element("article", undefined, alert.status);
    const head = element("h2");
    const when = element("time", new Date(alert.receivedAtMs).toLocaleTimeString("en-GB"));
    when.dateTime = new Date(alert.receivedAtMs).toISOString();
    when.title = when.dateTime;
    head.append(element("span", alert.status, "badge"), element("span", alert.labels.alertname || "alert without a name"), when);
    const rows = element("dl");
    const row = (name, value) => {
      const cell = element("dd");
      cell.append(value);
      rows.append(element("dt", name), cell);
    };
    row("labels", Object.entries(alert.labels).filter(([name]) => name !== "alertname").map(([name, value]) => name + "=" + value).join("  "));
    if (alert.value !== undefined) row("value", String(Number(alert.value.toPrecision(6))));
    row("since", alert.startsAt);
    if (alert.endsAt) row("until", alert.endsAt);
    if (alert.traces.length > 0) row("trace", link(alert.traces[0].url, alert.traces[0].traceId));
    if (alert.generatorUrl) row("query", link(alert.generatorUrl, queryOf(alert.generatorUrl)));
    made.append(head, element("p", alert.annotations.summary || alert.annotations.description || "", "summary"), rows);
    return made;
  };
  const show = async () => {
    const received = (await (await fetch("api/alerts")).json()).alerts;
    const alerts = received.filter((alert) => !alert.isRepeat);
    document.getElementById("count").textContent = alerts.length === 0 ? "" : received.length + " received";
    if (alerts.length > 0) return list.replaceChildren(...alerts.map(card));
    const empty = element("p", undefined, "empty");
    empty.append("No alert has arrived yet. Point a webhook at ", element("code", location.origin + "/"), " and it will appear here by itself.");
    list.replaceChildren(empty);
  };
  const events = new EventSource("events");
  const state = document.getElementById("state");
  events.onopen = () => { state.textContent = "live"; show(); };
  events.onmessage = show;
  events.onerror = () => { state.textContent = "the inbox does not answer; trying again"; };
</script>
</body>
</html>
`;
