import { resolve } from "node:path";
import {
  CollectorError,
  dropDeadLetters,
  listJournal,
  replayDeadLetters,
  showDeadLetter,
  type DeadLetterEntry,
  type JournalOverview,
} from "@quartet/collector";
import { formatTable, InstallerError, UsageError } from "../output/index.ts";
import type { CommandIo, ExitCode } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { parseOutput } from "./install-flags.ts";

export const journalUsage = `quartet collector journal list|show|replay|drop [ID …] [--data-dir DIR] [--output table|json]

Looks after a collector's journal and its dead letters: records that a consumer (derive, the store, an exporter) could not
take, or whose back end refuses them for good. They are kept byte for byte until somebody replays or drops them.

  list             streams, their consumers and how far these are behind, and the dead letters
  show ID          one dead letter, decoded; as JSON also its bytes in base64
  replay ID … | --all [--to consumer|stream]
                   appends the original records to their stream once more and takes them off the list:
                   for the consumer that could not take them (default), or for every consumer of the stream
  drop ID … | --all
                   gives them up

  --data-dir DIR   where the journal lies (default ./quartet-data)
  --output FORMAT  table (default) or json

list and show may be used while the collector runs. replay and drop change its files: stop it first; they refuse, naming the
process, when it is at work.
`;

const actions = ["list", "show", "replay", "drop"] as const;
type Action = (typeof actions)[number];

interface Request {
  readonly action: Action;
  readonly ids: readonly string[];
  readonly isAll: boolean;
  readonly to: "consumer" | "stream";
  readonly dataDir: string;
  readonly output: "table" | "json";
}

/** `quartet collector journal …`. @throws UsageError; InstallerError for what the journal refuses. */
export async function runJournal(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const request = parseRequest(args);
  try {
    io.stdout.write(await answer(request));
    return 0;
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    throw new InstallerError("QUARTET_JOURNAL_REFUSED", error.message, { cause: error });
  }
}

function parseRequest(args: readonly string[]): Request {
  const { values, positionals } = parseFlags(
    args,
    {
      "data-dir": { type: "string", default: "./quartet-data" },
      output: { type: "string", default: "table" },
      to: { type: "string", default: "consumer" },
      all: { type: "boolean", default: false },
    },
    { positionalsMax: Number.POSITIVE_INFINITY },
  );
  const [word = "", ...ids] = positionals;
  const action = actions.find((known) => known === word);
  if (action === undefined) {
    throw word === ""
      ? new UsageError(`say what to do: ${actions.join(", ")}`)
      : UsageError.unknown("command", word, actions);
  }
  const { to, all: isAll } = values;
  if (to !== "consumer" && to !== "stream")
    throw new UsageError(`--to: ${JSON.stringify(to)} is none of consumer, stream`);
  const isChanging = action === "replay" || action === "drop";
  if (action === "list" && ids.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(ids[0])}`);
  if (action === "show" && ids.length !== 1) throw new UsageError("show takes the ID of one dead letter");
  if (isChanging && isAll === ids.length > 0) throw new UsageError(`${action} takes IDs, or --all`);
  const dataDir = resolve(values["data-dir"]);
  return { action, ids, isAll, to, dataDir, output: parseOutput(values.output) };
}

async function answer({ action, ids, to, dataDir, output }: Request): Promise<string> {
  switch (action) {
    case "list": {
      const overview = listJournal(dataDir);
      return output === "json" ? asJson(overview) : formatOverview(overview);
    }
    case "show": {
      const { content, payloadBase64, ...entry } = showDeadLetter(dataDir, ids[0]!);
      if (output === "json") return asJson({ ...entry, content, payloadBase64 });
      const text =
        content === undefined ? "(does not decode; see --output json for its bytes)\n" : asJson(content);
      return `${formatLetters([entry])}\n${text}`;
    }
    case "replay": {
      const replayed = await replayDeadLetters({ dataDir, ids, to });
      return output === "json" ? asJson(replayed) : formatDone("replayed", replayed);
    }
    case "drop": {
      const dropped = await dropDeadLetters({ dataDir, ids });
      return output === "json" ? asJson(dropped) : formatDone("dropped", dropped);
    }
  }
}

const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

function formatOverview({ streams, deadLetters }: JournalOverview): string {
  const rows = streams.map((stream) => [
    stream.stream,
    String(stream.nextOffset - stream.oldestOffset),
    String(stream.segmentCount),
    String(stream.compressedCount),
    formatSize(stream.sizeBytes),
  ]);
  const consumers = streams.flatMap(({ stream, consumers: of }) =>
    of.map(({ consumer, kind, offset, lagRecords, lagItems, lagBytes }) => [
      consumer,
      stream,
      kind,
      String(offset),
      String(lagRecords),
      String(lagItems),
      formatSize(lagBytes),
    ]),
  );
  return [
    formatTable(["STREAM", "RECORDS", "SEGMENTS", "COMPRESSED", "SIZE"], rows),
    formatTable(["CONSUMER", "STREAM", "KIND", "POSITION", "BEHIND", "ITEMS", "SIZE"], consumers),
    deadLetters.length === 0 ? "no dead letters\n" : formatLetters(deadLetters),
  ].join("\n");
}

function formatLetters(letters: readonly DeadLetterEntry[]): string {
  return formatTable(
    ["DEAD LETTER", "REASON", "ITEMS", "SIZE", "RECEIVED", "MESSAGE"],
    letters.map(({ id, reason, itemCount, sizeBytes, receivedAt, message }) => [
      id,
      reason,
      String(itemCount),
      formatSize(sizeBytes),
      receivedAt,
      message.replaceAll(/\s+/g, " ").slice(0, 80),
    ]),
  );
}

function formatDone(word: string, letters: readonly DeadLetterEntry[]): string {
  if (letters.length === 0) return "no dead letters\n";
  return letters.map(({ id }) => `${word} ${id}\n`).join("");
}

function formatSize(sizeBytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = sizeBytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
