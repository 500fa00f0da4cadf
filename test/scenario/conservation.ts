import { expect } from "vitest";
import { until } from "../support/index.ts";

export interface ExportedSignal {
  /** Its key in the configuration. */
  readonly exporter: string;
  readonly signal: "traces" | "logs" | "metrics";
  /** The journal's stream that it is read from. */
  readonly stream: "spans" | "logs" | "metrics" | "series";
}

export interface Account {
  /** In the journal when this process began. */
  readonly recovered: number;
  /** Appended to the journal by this process. */
  readonly accepted: number;
  readonly sent: number;
  readonly rejected: number;
  readonly deadLetter: number;
  readonly dropped: number;
  readonly queued: number;
}

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** Where every item of one signal of one exporter is, in the words of the collector's own /metrics. */
export async function readAccount(
  apiUrl: string,
  { exporter, signal, stream }: ExportedSignal,
): Promise<Account> {
  const response = await fetch(`${apiUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const samples = (await response.text()).split("\n").flatMap((line): Sample[] => {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, labels, value: Number(value) }];
  });
  const sum = (name: string, ...labels: readonly string[]): number =>
    samples
      .filter((sample) => sample.name === name && labels.every((label) => sample.labels.includes(label)))
      .reduce((total, { value }) => total + value, 0);
  const exported = (name: string): number =>
    sum(`quartet_export_${name}`, `exporter="${exporter}"`, `signal="${signal}"`);
  return {
    recovered: exported("recovered_items_total"),
    accepted: sum("quartet_journal_appended_items_total", `stream="${stream}"`),
    sent: exported("sent_items_total"),
    rejected: exported("rejected_items_total"),
    deadLetter: exported("dead_letter_items_total"),
    dropped: exported("dropped_items_total"),
    queued: exported("queued_items"),
  };
}

/**
 * Waits until accepted + recovered = sent + rejected + dead letters + dropped + queued, and gives the parts. Under load the
 * threads are asked one after the other, so the two sides may differ for a moment.
 * @see design.md, 1.10
 */
export function untilConserved(apiUrl: string, one: ExportedSignal): Promise<Account> {
  return until(
    async () => {
      const account = await readAccount(apiUrl, one);
      const { recovered, accepted, ...parts } = account;
      const where = Object.values(parts).reduce((total, part) => total + part, 0);
      expect({ ...account, sum: where }).toEqual({ ...account, sum: accepted + recovered });
      return account;
    },
    {
      deadlineMs: 15_000,
      what: `the account of ${one.exporter} ${one.signal} to be balanced`,
      intervalMs: 20,
    },
  );
}
