import { styleText } from "node:util";
import type { ReceivedAlert } from "./payload.ts";

/**
 * One alert for the terminal: what, where, how bad, one failing trace and where to look.
 * `isColoured` is the caller's: a terminal without NO_COLOR.
 */
export function formatAlert(alert: ReceivedAlert, isColoured: boolean): string {
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    isColoured ? styleText(format, text, { validateStream: false }) : text;
  const time = new Date(alert.receivedAtMs).toLocaleTimeString("en-GB");
  const badge =
    alert.status === "firing"
      ? style(["bgRed", "white", "bold"], " FIRING ")
      : style(["bgGreen", "black"], " RESOLVED ");
  const name = style("bold", printable(alert.labels["alertname"] ?? "alert without a name"));
  const summary = alert.annotations["summary"] ?? alert.annotations["description"];
  const rows: [label: string, text: string | undefined][] = [
    ["labels", labelsText(alert.labels)],
    ["value", alert.value === undefined ? undefined : String(Number(alert.value.toPrecision(6)))],
    [alert.status === "firing" ? "since" : "until", alert.endsAt ?? alert.startsAt],
    ["trace", alert.status === "firing" ? alert.traces[0]?.traceId : undefined],
    ["look", alert.status === "firing" ? alert.traces[0]?.url || alert.generatorUrl : undefined],
  ];
  const lines = rows
    .filter(([, text]) => text !== undefined && text !== "")
    .map(([label, text]) => `    ${style("dim", label.padEnd(8))}${printable(text!)}`);
  const head = `${style("dim", time)} ${badge} ${name}${summary === undefined ? "" : `  ${printable(summary)}`}`;
  return `${[head, ...lines].join("\n")}\n`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([name]) => name !== "alertname")
    .map(([name, value]) => `${name}=${value}`)
    .join("  ");
}

/** Without control characters: what a webhook sends must not steer the reader's terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}
