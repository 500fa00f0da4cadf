import type { Command, Operand, ParsedTemplate, Pipe, TemplateNode } from "./ast.ts";
import { showCommand, showOperand, showPipe } from "./ast.ts";
import type { FunctionContext, ParameterType, TemplateFunction } from "./function.ts";
import { TemplateProblem } from "./problem.ts";
import { evaluateField } from "./field.ts";
import { isNothing, isTrue, print, sortedKeys, typeName, type Value } from "./value.ts";

export interface ExecuteSettings {
  readonly data: Value;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
  readonly context: FunctionContext;
}

// An annotation is read by people; more than this is a mistake (a range over millions).
const outputCharsMax = 64 * 1_024;
const stepsMax = 100_000;
const depthMax = 100;

type Flow = "next" | "break" | "continue";
interface Frame {
  readonly template: string;
  readonly variables: { readonly name: string; value: Value }[];
  readonly depth: number;
}

/** Stands for "the command before gave nothing", which differs from giving nil. */
const missing = Symbol("missing");
type Final = Value | typeof missing;

/**
 * Expands a template.
 * @throws TemplateProblem "template: NAME:LINE:COLUMN: executing … at <…>: …" in Go's words.
 */
export function executeTemplate(template: ParsedTemplate, settings: ExecuteSettings): string {
  const { functions, context } = settings;
  let output = "";
  let steps = 0;
  let frame: Frame = { template: template.name, variables: [{ name: "$", value: settings.data }], depth: 0 };
  let place: { position: number; show: () => string } = { position: 0, show: () => "" };

  const fail = (message: string): never => {
    const before = template.text.slice(0, place.position);
    const lineStart = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(lineStart));
    throw new TemplateProblem(
      `template: ${template.name}:${line}:${column}: executing ${JSON.stringify(frame.template)} at <${place.show()}>: ${message}`,
    );
  };
  const at = (operand: Operand) => {
    place = { position: operand.position, show: () => showOperand(operand) };
  };
  const atPipe = (pipe: Pipe) => {
    place = { position: pipe.position, show: () => showPipe(pipe) };
  };
  const atCommand = (command: Command) => {
    place = { position: command.position, show: () => showCommand(command) };
  };
  const write = (text: string) => {
    output += text;
    if (output.length > outputCharsMax) fail(`the output is longer than ${outputCharsMax} characters`);
  };

  const step = () => {
    steps += 1;
    if (steps > stepsMax) fail(`the template takes more than ${stepsMax} steps`);
  };

  function variableOf(name: string): { value: Value } {
    return (
      frame.variables.findLast((variable) => variable.name === name) ?? fail(`undefined variable: ${name}`)
    );
  }

  function evaluatePipe(dot: Value, pipe: Pipe): Value {
    let value: Final = missing;
    for (const command of pipe.commands) {
      atPipe(pipe);
      value = evaluateCommand(dot, command, value);
    }
    const result = value === missing ? undefined : value;
    for (const name of pipe.variables) {
      if (pipe.isAssign) variableOf(name).value = result;
      else frame.variables.push({ name, value: result });
    }
    return result;
  }

  function evaluateCommand(dot: Value, command: Command, final: Final): Value {
    const [first, ...rest] = command.operands;
    if (first.kind === "function") return callFunction(dot, first, command, final);
    const hasArguments = rest.length > 0 || final !== missing;
    at(first);
    const isMember =
      first.kind === "field" ||
      first.kind === "chain" ||
      (first.kind === "variable" && first.names.length > 0);
    if (hasArguments && !isMember) fail(`can't give argument to non-function ${showOperand(first)}`);
    if (first.kind === "nil") return fail("nil is not a command");
    if (!hasArguments) return evaluateOperand(dot, first);
    const args = rest.map((operand) => evaluateOperand(dot, operand));
    if (final !== missing) args.push(final);
    return evaluateOperand(dot, first, args);
  }

  /** `args` go to the last field, should it be a method. */
  function evaluateOperand(dot: Value, operand: Operand, args: readonly Value[] = []): Value {
    at(operand);
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "bool":
      case "string":
      case "number":
        return operand.value;
      case "field":
        return follow(dot, operand, operand.names, args);
      case "variable":
        return follow(variableOf(operand.name).value, operand, operand.names, args);
      case "chain": {
        if (operand.inner.kind === "nil") fail(`indirection through explicit nil in ${showOperand(operand)}`);
        const inner = evaluateOperand(dot, operand.inner);
        return follow(inner, operand, operand.names, args);
      }
      case "function":
        return callFunction(dot, operand, { operands: [operand], position: operand.position }, missing);
      case "pipe":
        return evaluatePipe(dot, operand);
    }
  }

  function follow(start: Value, operand: Operand, names: readonly string[], args: readonly Value[]): Value {
    let value = start;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      value = guard(() => evaluateField(value, name, isLast ? args : []));
    }
    return value;
  }

  /** Gives a problem from below its place. */
  function guard<T>(run: () => T, prefix = ""): T {
    try {
      return run();
    } catch (cause) {
      if (!(cause instanceof TemplateProblem)) throw cause;
      return fail(`${prefix}${cause.message}`);
    }
  }

  function callFunction(
    dot: Value,
    operand: Operand & { kind: "function" },
    command: Command,
    final: Final,
  ): Value {
    at(operand);
    const { name } = operand;
    const called = functions.get(name);
    if (called === undefined) return fail(`${JSON.stringify(name)} is not a defined function`);
    const operands = command.operands.slice(1);
    const count = operands.length + (final === missing ? 0 : 1);
    const { params, rest } = called;
    if (rest === undefined && count !== params.length) {
      fail(`wrong number of args for ${name}: want ${params.length} got ${count}`);
    }
    if (count < params.length)
      fail(`wrong number of args for ${name}: want at least ${params.length} got ${count}`);
    const typeAt = (index: number): ParameterType => params[index] ?? rest ?? "any";
    const evaluated: Value[] = [];
    for (const [index, argument] of operands.entries()) {
      const value = evaluateArgument(dot, argument, typeAt(index));
      // `and` and `or` stop at the first argument that decides, as Go does since 1.18.
      if ((name === "and" || name === "or") && isTrue(value) === (name === "or")) return value;
      evaluated.push(value);
    }
    if (final !== missing) {
      const type = typeAt(count - 1);
      if (!accepts(type, final))
        fail(`wrong type for value; expected ${goType[type]}; got ${typeName(final)}`);
      evaluated.push(final);
    }
    atCommand(command);
    return guard(() => called.call(evaluated, context), `error calling ${name}: `);
  }

  function evaluateArgument(dot: Value, operand: Operand, type: ParameterType): Value {
    at(operand);
    if (type === "string" && (operand.kind === "number" || operand.kind === "bool")) {
      fail(`expected string; found ${showOperand(operand)}`);
    }
    if ((type === "sample" || type === "list") && isConstant(operand)) {
      fail(`can't handle ${showOperand(operand)} for arg of type ${goType[type]}`);
    }
    if (operand.kind === "nil") {
      if (type === "any" || type === "sample" || type === "list") return null;
      fail("cannot assign nil to string");
    }
    const value = evaluateOperand(dot, operand);
    if (accepts(type, value)) return value;
    at(operand);
    if (isNothing(value)) return fail(`invalid value; expected ${goType[type]}`);
    return fail(`wrong type for value; expected ${goType[type]}; got ${typeName(value)}`);
  }

  function walkRange(dot: Value, node: TemplateNode & { kind: "if" | "with" | "range" }): void {
    const outer = frame.variables.length;
    const { pipe } = node;
    const value = evaluatePipe(dot, { ...pipe, variables: [] });
    const items = guardRange(value, pipe);
    for (const [key, item] of items) {
      step();
      const [first, second] = pipe.variables;
      const bind = (name: string, bound: Value) => {
        if (pipe.isAssign) variableOf(name).value = bound;
        else frame.variables.push({ name, value: bound });
      };
      if (first !== undefined) bind(first, second === undefined ? item : key);
      if (second !== undefined) bind(second, item);
      const flow = walk(item, node.body);
      frame.variables.length = outer;
      if (flow === "break") return;
    }
    if (items.length === 0) walk(dot, node.otherwise);
    frame.variables.length = outer;
  }

  function guardRange(value: Value, pipe: Pipe): readonly (readonly [Value, Value])[] {
    if (isNothing(value)) return [];
    if (typeof value === "bigint") {
      if (pipe.variables.length > 1) fail(`can't use ${value} to iterate over more than one variable`);
      if (value > BigInt(stepsMax)) fail(`range over ${value}: at most ${stepsMax} steps`);
      return Array.from(
        { length: Math.max(0, Number(value)) },
        (_, index) => [undefined, BigInt(index)] as const,
      );
    }
    if (typeof value === "object" && value.kind === "list") {
      return value.items.map((item, index) => [BigInt(index), item] as const);
    }
    if (typeof value === "object" && value.kind === "map") {
      return sortedKeys(value).map((key) => [key, value.entries.get(key)] as const);
    }
    return fail(`range can't iterate over ${print(value)}`);
  }

  function walkTemplate(dot: Value, node: TemplateNode & { kind: "template" }): void {
    place = { position: node.position, show: () => `{{template ${JSON.stringify(node.name)}}}` };
    const body = template.defined.get(node.name) ?? fail(`template ${JSON.stringify(node.name)} not defined`);
    if (frame.depth >= depthMax) fail(`exceeded maximum template depth (${depthMax})`);
    const data = node.pipe === undefined ? undefined : evaluatePipe(dot, node.pipe);
    const caller = frame;
    frame = { template: node.name, variables: [{ name: "$", value: data }], depth: caller.depth + 1 };
    walk(data, body);
    frame = caller;
  }

  function walk(dot: Value, nodes: readonly TemplateNode[]): Flow {
    for (const node of nodes) {
      step();
      switch (node.kind) {
        case "text":
          write(node.text);
          break;
        case "action": {
          const value = evaluatePipe(dot, node.pipe);
          if (node.pipe.variables.length === 0) write(print(value));
          break;
        }
        case "if":
        case "with": {
          const outer = frame.variables.length;
          const value = evaluatePipe(dot, node.pipe);
          const flow = isTrue(value)
            ? walk(node.kind === "with" ? value : dot, node.body)
            : walk(dot, node.otherwise);
          frame.variables.length = outer;
          if (flow !== "next") return flow;
          break;
        }
        case "range":
          walkRange(dot, node);
          break;
        case "template":
          walkTemplate(dot, node);
          break;
        case "break":
        case "continue":
          return node.kind;
      }
    }
    return "next";
  }

  walk(settings.data, template.body);
  return output;
}

const isConstant = ({ kind }: Operand) => kind === "number" || kind === "string" || kind === "bool";

const goType: Readonly<Record<ParameterType, string>> = {
  any: "interface {}",
  string: "string",
  sample: "*template.sample",
  list: "template.queryResult",
};

function accepts(type: ParameterType, value: Final): boolean {
  switch (type) {
    case "any":
      return true;
    case "string":
      return typeof value === "string";
    case "sample":
    case "list":
      return typeof value === "object" && value !== null && value.kind === type;
  }
}
