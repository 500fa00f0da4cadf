/** 0 done, 1 failed, 2 usage error or a broken configuration, 3 findings. */
export type ExitCode = 0 | 1 | 2 | 3;

/** What a command may touch of the process; tests pass their own. */
export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts on Ctrl-C, on SIGTERM and when the launcher died. */
  readonly signal: AbortSignal;
  /** Whether stdout is a terminal. */
  readonly isTty: boolean;
}

/** One word after `quartet`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Full help text. */
  readonly usage: string;
  /** Full help texts of the words that may follow it. */
  readonly subcommandUsage?: Readonly<Record<string, string>>;
  /** @throws UsageError for a wrong flag (exit 2); other errors of ours end with 1 and their message. */
  run(args: readonly string[], io: CommandIo): Promise<ExitCode>;
}
