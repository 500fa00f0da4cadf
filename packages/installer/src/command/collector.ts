import { collectorUsage, runCollector } from "@quartet/collector";
import type { Command } from "./command.ts";
import { journalUsage, runJournal } from "./journal.ts";

/** `quartet collector`: the collector alone, as it runs in a cluster. */
export const collectorCommand: Command = {
  name: "collector",
  summary: "run the collector alone",
  usage: collectorUsage,
  subcommandUsage: { journal: journalUsage },
  run: (args, io) => (args[0] === "journal" ? runJournal(args.slice(1), io) : runCollector(args, io)),
};
