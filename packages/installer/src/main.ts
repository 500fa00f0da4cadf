import { readFileSync } from "node:fs";
import { collectorCommand } from "./command/collector.ts";
import type { Command, CommandIo, ExitCode } from "./command/command.ts";
import { imagesCommand } from "./command/images.ts";
import { inboxCommand } from "./command/inbox.ts";
import { installCommand } from "./command/install.ts";
import { renderCommand } from "./command/render.ts";
import { testCommand } from "./command/rule-tests.ts";
import { uninstallCommand } from "./command/uninstall.ts";
import { upCommand } from "./command/up.ts";
import { InstallerError, UsageError } from "./output/index.ts";

const commands: readonly Command[] = [
  upCommand,
  inboxCommand,
  collectorCommand,
  installCommand,
  uninstallCommand,
  renderCommand,
  imagesCommand,
  testCommand,
];

const usage = `quartet: logs, metrics, traces and alerts for Node services

${commands.map(({ name, summary }) => `  quartet ${name.padEnd(12)}${summary}`).join("\n")}

  quartet COMMAND --help says more; quartet --version prints the version.
`;

/** Two signals nearer than this are one key press: the terminal and the launcher both pass it on. */
const samePressMs = 500;

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: endSignal(),
  isTty: process.stdout.isTTY,
});
// The launcher's channel would keep us alive.
if (process.connected) process.disconnect();

/** Runs the command that the arguments name; a user's mistake ends in a message, never in a stack trace. */
async function main(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io.stdout.write(usage);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    const packageFile = new URL("../package.json", import.meta.url);
    io.stdout.write(`${(JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version}\n`);
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (command === undefined)
      throw UsageError.unknown(
        "command",
        name,
        commands.map((known) => known.name),
      );
    if (rest.includes("--help") || rest.includes("-h")) {
      io.stdout.write(command.subcommandUsage?.[rest[0] ?? ""] ?? command.usage);
      return 0;
    }
    return await command.run(rest, io);
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) return 1;
    if (error instanceof UsageError) {
      io.stderr.write(
        `quartet: ${error.message}\nquartet ${command === undefined ? "" : `${command.name} `}--help says more.\n`,
      );
      return 2;
    }
    if (error instanceof InstallerError) {
      io.stderr.write(`quartet: ${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof Error && "syscall" in error) {
      // The operating system refused something: a fact about the machine, which no stack trace of ours explains.
      io.stderr.write(`quartet: ${error.message}\n`);
      return 1;
    }
    io.stderr.write(
      `quartet failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return 1;
  }
}

/** Aborts at the first signal or when the launcher is gone; a second signal ends at once. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      firstMs = Date.now();
      controller.abort();
    } else if (Date.now() - firstMs > samePressMs) {
      process.exit(130);
    }
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  process.once("disconnect", () => controller.abort());
  process.channel?.unref();
  return controller.signal;
}
