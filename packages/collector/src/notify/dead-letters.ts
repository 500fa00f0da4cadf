import { appendFile, rename, stat } from "node:fs/promises";
import type { OutboxRow } from "./outbox-log.ts";

/** Why a notification was given up. */
export type DeadLetterReason =
  | "refused" // the receiver answered that it does not want it
  | "deadline" // 24 hours of attempts
  | "outbox_full" // newer ones needed its place
  | "unknown_receiver"; // the receiver is no longer configured

// Two files of this size at most.
const sizeBytesMax = 16 * 1_024 * 1_024;

/** Keeps what was given up, one JSON line each, for a person to look at. */
export async function writeDeadLetter(
  path: string,
  letter: {
    readonly row: OutboxRow;
    readonly reason: DeadLetterReason;
    readonly cause: string;
    readonly nowMs: number;
  },
): Promise<void> {
  const { row, reason, cause, nowMs } = letter;
  const size = await stat(path).then(
    ({ size: bytes }) => bytes,
    (problem: NodeJS.ErrnoException) => {
      if (problem.code === "ENOENT") return 0;
      throw problem;
    },
  );
  if (size > sizeBytesMax) await rename(path, `${path}.1`);
  const { body, ...rest } = row;
  const line = {
    givenUpAt: new Date(nowMs).toISOString(),
    reason,
    cause,
    ...rest,
    payload: JSON.parse(body) as unknown,
  };
  await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
