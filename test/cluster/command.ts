import { PassThrough } from "node:stream";
import type { Command } from "../../packages/installer/src/command/command.ts";
import { installCommand } from "../../packages/installer/src/command/install.ts";
import { renderCommand } from "../../packages/installer/src/command/render.ts";
import { uninstallCommand } from "../../packages/installer/src/command/uninstall.ts";

const commands = { install: installCommand, uninstall: uninstallCommand, render: renderCommand };

export interface CommandRun {
  /** 1 and 2 where the command throws: main.ts turns its errors into these. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The message of the error that it threw; "" when it threw none. */
  readonly message: string;
  /** The error's code, e.g. QUARTET_NOT_READY. */
  readonly errorCode: string | undefined;
}

/** Runs a command of the installer in this process, on a kubeconfig and no other variable. */
export async function runCommand(
  name: keyof typeof commands,
  args: readonly string[],
  kubeconfig: string,
): Promise<CommandRun> {
  const command: Command = commands[name];
  const [stdout, stderr] = [record(), record()];
  const signal = new AbortController().signal;
  const io = {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { KUBECONFIG: kubeconfig },
    signal,
    isTty: false,
  };
  try {
    const code = await command.run(args, io);
    return { code, stdout: stdout.text(), stderr: stderr.text(), message: "", errorCode: undefined };
  } catch (error) {
    const { message, code, exitCode = 2 } = error as Error & { code?: string; exitCode?: number };
    return { code: exitCode, stdout: stdout.text(), stderr: stderr.text(), message, errorCode: code };
  }
}

function record(): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
