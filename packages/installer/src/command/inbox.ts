import { InstallerError } from "../output/index.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseFlags, parsePort } from "./flags.ts";
import { formatAlert } from "./inbox/print.ts";
import { startInbox, type Inbox } from "./inbox/server.ts";

/** `quartet inbox`: a webhook that shows what it gets. */
export const inboxCommand: Command = {
  name: "inbox",
  summary: "receive alert webhooks and show them in the terminal and on a page",
  usage: `quartet inbox [--port 5001] [--host 127.0.0.1]

Receives Alertmanager webhooks (payload version 4) on any path, prints each alert, and keeps the last 1,000.
  /             a page that updates by itself
  /api/alerts   the same as JSON, newest first

  --port PORT   port to listen on (default 5001; 0 takes a free one)
  --host HOST   address to listen on (default 127.0.0.1: this machine only)
`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      port: { type: "string", default: "5001" },
      host: { type: "string", default: "127.0.0.1" },
    });
    const inbox = await openInbox({
      host: values.host,
      port: parsePort("--port", values.port),
      io,
      mend: "choose another with --port or --host",
    });
    io.stdout.write(`inbox: send webhooks to ${inbox.url}/ and look at ${inbox.url}\n\n`);
    await aborted(io.signal);
    await inbox.stop();
    return 0;
  },
};

/**
 * An inbox that prints to the terminal.
 * @throws InstallerError QUARTET_ADDRESS_IN_USE with what to do about it.
 */
export async function openInbox(settings: {
  readonly host: string;
  readonly port: number;
  readonly io: CommandIo;
  /** What helps when the address cannot be taken. */
  readonly mend: string;
}): Promise<Inbox> {
  const { host, port, io, mend } = settings;
  const isColoured = io.isTty && !io.env["NO_COLOR"];
  try {
    return await startInbox({
      host,
      port,
      nowMs: () => Date.now(),
      onAlert(alert) {
        if (!alert.isRepeat) io.stdout.write(`${formatAlert(alert, isColoured)}\n`);
      },
    });
  } catch (cause) {
    const { code, syscall, message } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    const problem = code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${message})`;
    throw new InstallerError("QUARTET_ADDRESS_IN_USE", `port ${port} on ${host} ${problem}: ${mend}`, {
      cause,
    });
  }
}

/** Resolves once the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
