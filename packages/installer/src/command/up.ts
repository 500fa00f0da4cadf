import { runCollector } from "@quartet/collector";
import { UsageError } from "../output/index.ts";
import type { Command } from "./command.ts";
import { runDemo } from "./demo/demo.ts";
import { parseFlags, parseSeconds } from "./flags.ts";
import { openInbox } from "./inbox.ts";

/** `quartet up`: everything one machine needs. */
export const upCommand: Command = {
  name: "up",
  summary: "run the collector with an inbox on this machine, or the demo",
  usage: `quartet up [--config FILE] [--data-dir DIR] [--demo [--once]]

Without --demo: runs the collector, with an inbox as its webhook on port 5001 unless the configuration names one.
Without --config it listens on its default ports and has no rules.

  --demo          run three services, break one, and show the alert arrive
  --once          with --demo: unattended; the last line printed is JSON; exit 0 only if the alert fired and
                  resolved and every acknowledged span is in the journal
  --healthy-for S with --demo: seconds before the fault (default 15)
  --config FILE   the collector's configuration (without --demo)
  --data-dir DIR  where the journal lies (default ./quartet-data; the demo uses a temporary folder)
`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      demo: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      "healthy-for": { type: "string" },
      config: { type: "string" },
      "data-dir": { type: "string" },
    });
    if (values.demo) {
      if (values.config !== undefined)
        throw new UsageError("--config: the demo brings its own configuration");
      return await runDemo(
        {
          isOnce: values.once,
          dataDir: values["data-dir"],
          healthyMs: parseSeconds("--healthy-for", values["healthy-for"] ?? "15") * 1_000,
        },
        io,
      );
    }
    if (values.once || values["healthy-for"] !== undefined) {
      throw new UsageError("--once and --healthy-for belong to --demo");
    }
    await using stack = new AsyncDisposableStack();
    const openWebhook = async (): Promise<string> => {
      const inbox = await openInbox({
        host: "127.0.0.1",
        port: 5001,
        io,
        mend: "stop the other program, or name it under notify.webhook in a configuration and start with --config",
      });
      stack.defer(() => inbox.stop());
      io.stdout.write(`inbox: alerts arrive at ${inbox.url}\n`);
      return `${inbox.url}/`;
    };
    if (values.config === undefined) {
      io.stdout.write(
        "rules: none; name rule files in a configuration and start with --config to be alerted\n",
      );
    }
    const configFlag = values.config === undefined ? [] : ["--config", values.config];
    const dataFlag = values["data-dir"] === undefined ? [] : ["--data-dir", values["data-dir"]];
    return await runCollector([...configFlag, ...dataFlag], io, { openWebhook });
  },
};
