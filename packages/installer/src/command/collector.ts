import { collectorUsage, runCollector } from "@quartet/collector";
import type { Command } from "./command.ts";

/** `quartet collector`: the collector alone, as it runs in a cluster. */
export const collectorCommand: Command = {
  name: "collector",
  summary: "run the collector alone",
  usage: collectorUsage,
  run: (args, io) => runCollector(args, io),
};
