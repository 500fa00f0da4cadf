/** The line has three keys of its own, which a field would overwrite. */
type Fields = Readonly<Record<string, unknown>> & {
  readonly time?: never;
  readonly level?: never;
  readonly message?: never;
};

/** The collector's own log: one JSON line per event, never one per record. */
export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** A log that writes lines to `write`, each with time, level, message and fields; errors become code, message and cause. */
export function createLog(write: (line: string) => void, nowMs: () => number): Log {
  const emit = (level: string, message: string, fields: Fields = {}) => {
    const entry: Record<string, unknown> = { time: new Date(nowMs()).toISOString(), level, message };
    for (const [name, value] of Object.entries(fields)) entry[name] = describe(value);
    write(`${JSON.stringify(entry)}\n`);
  };
  return {
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
  };
}

function describe(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = "code" in value ? { code: value.code } : {};
  const cause = value.cause === undefined ? {} : { cause: describe(value.cause) };
  return { ...code, message: value.message, ...cause };
}
