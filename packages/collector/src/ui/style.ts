/** The look that every page shares. */
const style = `
  :root { color-scheme: light dark; --paper: #f7f7f5; --card: #fff; --ink: #1c1c1a; --soft: #6b6b66; --line: #e3e3de; --fire: #c6282b; --calm: #23824a; --bar: #6f8fc9; }
  @media (prefers-color-scheme: dark) { :root { --paper: #161616; --card: #202020; --ink: #ececea; --soft: #9a9a94; --line: #333; --fire: #ff6b6b; --calm: #5bc98a; --bar: #5b78ad; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
  header, main { max-width: 70rem; margin: auto; padding: 0 1.5rem; }
  header { padding-top: 1.2rem; padding-bottom: .8rem; display: flex; gap: 1rem; align-items: baseline; }
  h1 { font-size: 1.15rem; margin: 0; }
  h2 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
  a { color: inherit; text-underline-offset: .25em; }
  form { display: flex; gap: .5rem; }
  form + div { margin-top: .8rem; }
  th:last-child:nth-child(2) { text-align: right; }
  input { flex: 1; font: .9rem/1.5 ui-monospace, monospace; padding: .4rem .7rem; border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: inherit; }
  input::placeholder { overflow: visible; }
  button { font: inherit; padding: .4rem 1rem; border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: inherit; cursor: pointer; }
  table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 6px; font-size: .88rem; }
  th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
  th { color: var(--soft); font-weight: 500; }
  td.mono { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  .firing { color: var(--fire); font-weight: 600; }
  .soft { color: var(--soft); }
  .error { color: var(--fire); }
  .lane { position: relative; height: 1.1rem; min-width: 14rem; }
  .lane span { position: absolute; top: .2rem; height: .7rem; min-width: 2px; border-radius: 2px; background: var(--bar); }
  .lane span.failed { background: var(--fire); }
`;

/** Small pieces of script that every page shares: elements are made from text, never from markup. */
const script = `
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const row = (...cells) => {
    const made = element("tr");
    made.append(...cells);
    return made;
  };
  const cell = (text, className) => element("td", text, className);
  const labelsText = (labels) => {
    const { __name__ = "", ...rest } = labels;
    const pairs = Object.entries(rest).map(([name, value]) => name + '="' + value + '"');
    return __name__ + (pairs.length > 0 || __name__ === "" ? "{" + pairs.join(", ") + "}" : "");
  };
  const ask = async (path) => {
    const response = await fetch(path);
    const body = await response.json();
    if (body.status === "error") throw new Error(body.error);
    return body;
  };
`;

/** A whole page from its title, its body's markup and its script. */
export function document(settings: {
  readonly title: string;
  readonly body: string;
  readonly script: string;
}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${settings.title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${settings.body}
<script>${script}${settings.script}</script>
</body>
</html>
`;
}
