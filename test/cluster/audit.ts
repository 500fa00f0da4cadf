import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource?: string };
}

export interface AuditLog {
  /** For `startCluster`. */
  readonly apiServerFlags: readonly string[];
  /** How many lines there are now; a mark for `writesSince`. */
  mark(): Promise<number>;
  /** The installer's requests since the mark that could change something, as `verb path`. Dry runs and reviews of access change nothing. */
  writesSince(mark: number): Promise<readonly string[]>;
  /** The same for dry runs: shows that the log sees the installer at all. */
  dryRunsSince(mark: number): Promise<readonly string[]>;
}

/** The API server's own record of mutating requests. */
export async function openAuditLog(dir: string): Promise<AuditLog> {
  const policyFile = join(dir, "audit-policy.json");
  const logFile = join(dir, "audit.log");
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [
      {
        level: "Metadata",
        // The name in the token file; the controllers have service accounts.
        users: ["admin"],
        verbs: ["create", "update", "patch", "delete", "deletecollection"],
      },
      { level: "None" },
    ],
  };
  await writeFile(policyFile, JSON.stringify(policy));
  const read = async (): Promise<readonly AuditEvent[]> => {
    const text = await readFile(logFile, "utf8");
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as AuditEvent);
  };
  const since = async (mark: number, isDryRun: boolean): Promise<readonly string[]> =>
    (await read())
      .slice(mark)
      .filter(({ objectRef }) => objectRef?.resource !== "selfsubjectaccessreviews")
      // Scheduler, kwok and the tests themselves are the same user.
      .filter(({ userAgent }) => userAgent === "quartet")
      .filter(({ requestURI }) => requestURI.includes("dryRun=All") === isDryRun)
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`);
  return {
    apiServerFlags: [
      `--audit-policy-file=${policyFile}`,
      `--audit-log-path=${logFile}`,
      "--audit-log-mode=blocking-strict",
    ],
    mark: async () => (await read()).length,
    writesSince: (mark) => since(mark, false),
    dryRunsSince: (mark) => since(mark, true),
  };
}
