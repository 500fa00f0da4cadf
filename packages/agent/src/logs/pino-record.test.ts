import { channel } from "node:diagnostics_channel";
import { pino, type LoggerOptions } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createPinoKeysFinder, type PinoLogger } from "./pino-logger.ts";
import { createPinoBindings, readPinoCall, type PinoCall } from "./pino-record.ts";

interface Captured {
  readonly logger: PinoLogger;
  readonly merged: Record<string, unknown>;
  readonly message: unknown;
  readonly line: string;
}

/** The calls that pino publishes while `write` logs. */
function callsOf(options: LoggerOptions, write: (logger: pino.Logger) => void): Captured[] {
  const calls: Captured[] = [];
  const end = channel("tracing:pino_asJson:end");
  const onEnd = (data: unknown): void => {
    const message = data as {
      instance: PinoLogger;
      arguments: [Record<string, unknown>, unknown];
      result: string;
    };
    calls.push({
      logger: message.instance,
      merged: message.arguments[0] ?? {},
      message: message.arguments[1],
      line: message.result,
    });
  };
  end.subscribe(onEnd);
  onTestFinished(() => {
    end.unsubscribe(onEnd);
  });
  write(pino(options, { write: () => undefined }));
  return calls;
}

/** The record from the call's arguments, and the one from its line alone. */
function bothWays(call: PinoCall): { direct: unknown; parsed: unknown; isDirect: boolean } {
  const keys = createPinoKeysFinder()(call.logger)!;
  let isDirect = true;
  const line = {
    ...call,
    get line() {
      isDirect = false;
      return call.line;
    },
  };
  const direct = readPinoCall(line, keys, createPinoBindings());
  const parsed = readPinoCall(call, { ...keys, isShaped: () => true }, createPinoBindings());
  return { direct, parsed, isDirect };
}

test("plain values are taken from the call, and say what the line says", () => {
  const calls = callsOf({ name: "n" }, (log) => {
    log.info("text");
    log.info({ a: 1, b: "two", c: true, d: undefined, e: Number.NaN, f: Infinity }, "flat");
    log.info({ a: 1 });
    log.info({ time: 5, level: 7, pid: 3, hostname: "h" }, "fields that stand elsewhere");
    log.child({ nested: { deep: 1 }, a: 1 }).info({ a: 2 }, "child");
    log.child({ a: 1 }).child({ a: 2 }).info("twice bound");
    log.info({ toString: 1, "a.b": 2 }, "names");
  });
  expect(calls).toHaveLength(7);
  for (const call of calls) {
    const { direct, parsed, isDirect } = bothWays(call);
    expect(isDirect).toBe(true);
    expect(direct).toEqual(parsed);
  }
});

test("the line is parsed where something may have shaped it", () => {
  const check = (options: LoggerOptions, write: (log: pino.Logger) => void) => {
    const [call] = callsOf(options, write);
    const { direct, parsed, isDirect } = bothWays(call!);
    expect(isDirect).toBe(false);
    expect(direct).toEqual(parsed);
  };
  check({ redact: ["secret"] }, (log) => log.info({ secret: 1 }, "x"));
  check({ formatters: { log: (object) => object } }, (log) => log.info({ a: 1 }, "x"));
  check({ nestedKey: "n" }, (log) => log.info({ a: 1 }, "x"));
  check({ serializers: { a: () => "*" } }, (log) => log.info({ a: 1 }, "x"));
  check({ serializers: { msg: () => "*" } }, (log) => log.info({ a: 1 }, "x"));
  check({}, (log) => log.info({ a: { b: 1 } }, "x"));
  check({}, (log) => log.info({ msg: "in the object" }));
  check({}, (log) => log.info({ a: 1n }, "x"));
  check({}, (log) => log.error(new Error("x")));
  check({}, (log) => log.info({ err: "a text" }, "x"));
});

test("bindings that are set anew are read anew", () => {
  const bindings = createPinoBindings();
  const calls = callsOf({}, (log) => {
    const child = log.child({ a: 1 });
    child.info("before");
    child.setBindings({ b: 2 });
    child.info("after");
  });
  const keys = createPinoKeysFinder()(calls[0]!.logger)!;
  // Both calls have the one logger, whose bindings are those of now.
  expect(bindings.of(calls[1]!.logger, keys)).toEqual({ a: 1, b: 2 });
  keys.setBindings(calls[1]!.logger, ',"c":3');
  expect(bindings.of(calls[1]!.logger, keys)).toEqual({ c: 3 });
});

test("a line that is not JSON is the message", () => {
  const [call] = callsOf({ redact: ["x"] }, (log) => log.info("fine"));
  const keys = createPinoKeysFinder()(call!.logger)!;
  expect(readPinoCall({ ...call!, line: "not json\n" }, keys, createPinoBindings())).toEqual({
    body: "not json",
    attributes: {},
  });
});

test("what is no logger of pino's has no keys", () => {
  expect(createPinoKeysFinder()({})).toBeUndefined();
});
