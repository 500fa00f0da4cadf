/** A pino logger as its channel hands it out: its state hangs on symbols, of which each copy of pino has its own. */
export interface PinoLogger {
  [symbol: symbol]: unknown;
  readonly levels?: { readonly labels?: Readonly<Record<number, string>> };
}

/** Access to the state of the loggers of one copy of pino. */
export interface PinoKeys {
  /** The pre-made JSON of the logger's bindings. */
  bindingsOf(logger: PinoLogger): string;
  setBindings(logger: PinoLogger, bindings: string): void;
  serializersOf(logger: PinoLogger): Readonly<Record<string, unknown>>;
  messageKeyOf(logger: PinoLogger): string;
  errorKeyOf(logger: PinoLogger): string;
  /** Whether redaction, a formatter or a nested key may have made the line differ from the call's arguments. */
  isShaped(logger: PinoLogger): boolean;
}

const serializersKey = Symbol.for("pino.serializers");
const formattersKey = Symbol.for("pino.formatters");
const copyCountMax = 16;

/** Finds the symbols of a logger's copy of pino, by their descriptions, once for each copy. */
export function createPinoKeysFinder(): (logger: PinoLogger) => PinoKeys | undefined {
  const copies: { readonly mark: symbol; readonly keys: PinoKeys }[] = [];
  return (logger) => {
    const known = copies.find(({ mark }) => mark in logger);
    if (known !== undefined) return known.keys;
    const found = findSymbols(logger);
    if (found === undefined || copies.length >= copyCountMax) return undefined;
    const keys = createKeys(found);
    copies.push({ mark: found.bindings, keys });
    return keys;
  };
}

interface PinoSymbols {
  readonly bindings: symbol;
  readonly stringifiers: symbol;
  readonly messageKey: symbol;
  readonly errorKey: symbol;
  readonly nestedKey: symbol;
}

/** Descriptions that pino has used since version 6; undefined when a later one changed them. */
function findSymbols(logger: PinoLogger): PinoSymbols | undefined {
  const byDescription = new Map<string, symbol>();
  for (let object: object | null = logger; object !== null; object = Reflect.getPrototypeOf(object))
    for (const symbol of Object.getOwnPropertySymbols(object))
      byDescription.set(symbol.description ?? "", symbol);
  const bindings = byDescription.get("pino.chindings");
  const stringifiers = byDescription.get("pino.stringifiers");
  const messageKey = byDescription.get("pino.messageKey");
  const errorKey = byDescription.get("pino.errorKey");
  const nestedKey = byDescription.get("pino.nestedKey");
  if (
    bindings === undefined ||
    stringifiers === undefined ||
    messageKey === undefined ||
    errorKey === undefined ||
    nestedKey === undefined
  )
    return undefined;
  return { bindings, stringifiers, messageKey, errorKey, nestedKey };
}

function createKeys(symbols: PinoSymbols): PinoKeys {
  const text = (logger: PinoLogger, symbol: symbol, otherwise: string): string => {
    const value = logger[symbol];
    return typeof value === "string" ? value : otherwise;
  };
  return {
    bindingsOf: (logger) => text(logger, symbols.bindings, ""),
    setBindings(logger, bindings) {
      logger[symbols.bindings] = bindings;
    },
    serializersOf: (logger) => (logger[serializersKey] as Record<string, unknown> | undefined) ?? {},
    messageKeyOf: (logger) => text(logger, symbols.messageKey, "msg"),
    errorKeyOf: (logger) => text(logger, symbols.errorKey, "err"),
    isShaped(logger) {
      const formatters = logger[formattersKey] as { log?: unknown } | undefined;
      const stringifiers = logger[symbols.stringifiers] as object | undefined;
      return (
        formatters?.log !== undefined ||
        Boolean(logger[symbols.nestedKey]) ||
        (stringifiers !== undefined && Reflect.ownKeys(stringifiers).length > 0)
      );
    },
  };
}
