import { nearest } from "./nearest.ts";

/** Every error the installer raises on purpose, besides wrong usage. */
export type InstallerErrorCode =
  | "QUARTET_ADDRESS_IN_USE" // a port is taken; the message names the flag that moves it
  | "QUARTET_CONFIG_INVALID" // a file the user gave is broken or missing: exit 2
  | "QUARTET_CLUSTER_UNREACHABLE" // the message names kubeconfig, context and address
  | "QUARTET_CLUSTER_REFUSED" // the API server said no; the message carries its reason
  | "QUARTET_FIELD_CONFLICT" // somebody else owns a field; the message lists field and manager
  | "QUARTET_NOT_READY" // a workload did not become ready; the message says why
  | "QUARTET_LEFTOVERS" // uninstall could not remove everything; the message lists what is left
  | "QUARTET_JOURNAL_REFUSED" // a collector's journal cannot be read or changed; the message says why
  | "QUARTET_CHECK_FAILED"; // a preflight check with a fatal finding

/** The installer's one error class besides UsageError; `code` tells them apart. Printed without a stack trace. */
export class InstallerError extends Error {
  readonly code: InstallerErrorCode;

  constructor(code: InstallerErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "InstallerError";
    this.code = code;
  }

  /** 2 for a broken configuration, 1 otherwise. */
  get exitCode(): 1 | 2 {
    return this.code === "QUARTET_CONFIG_INVALID" ? 2 : 1;
  }
}

/** A wrong command line: exit code 2. */
export class UsageError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "UsageError";
  }

  /** For a word that nobody knows, with the nearest one that somebody does. */
  static unknown(kind: "command" | "flag" | "feature", word: string, known: readonly string[]): UsageError {
    const near = nearest(word, known);
    return new UsageError(
      `unknown ${kind} ${word}${near === undefined ? `; there are ${known.join(", ")}` : `; did you mean ${near}?`}`,
    );
  }
}
