import type { Command, Operand, ParsedTemplate, Pipe, TemplateNode } from "./ast.ts";
import { showOperand } from "./ast.ts";
import { lineOf, readTokens, type Token } from "./lex.ts";
import { parseNumber, unquote } from "./literal.ts";
import { TemplateProblem } from "./problem.ts";

/** What ended a list of nodes. */
type ListEnd =
  | { readonly kind: "end"; readonly position: number }
  | { readonly kind: "else"; readonly position: number; readonly chained: "if" | "with" | undefined };

// Go stops a parenthesised expression at 10,000; far less is enough, and safe for the stack.
const nestingMax = 100;

/**
 * The tree of a template.
 * @param isFunction knows the functions that a template may call
 * @throws TemplateProblem "template: NAME:LINE: …" in Go's words.
 */
export function parseTemplate(
  name: string,
  text: string,
  isFunction: (name: string) => boolean,
): ParsedTemplate {
  const tokens = readTokens(name, text);
  const defined = new Map<string, readonly TemplateNode[]>();
  let index = 0;
  let variables: string[] = ["$"];
  let rangeDepth = 0;
  let nesting = 0;

  const peek = (): Token => tokens[index]!;
  const take = (): Token => {
    const token = tokens[index]!;
    if (token.kind !== "end of input") index += 1;
    return token;
  };
  const skipSpace = () => {
    while (peek().kind === "space") index += 1;
  };
  const takeNonSpace = (): Token => {
    skipSpace();
    return take();
  };
  const fail = (message: string, position = tokens[Math.max(0, index - 1)]!.position): never => {
    throw new TemplateProblem(`template: ${name}:${lineOf(text, position)}: ${message}`);
  };
  const unexpected = (token: Token, context: string): never =>
    fail(`unexpected ${showToken(token)} in ${context}`, token.position);
  const nested = <T>(parse: () => T): T => {
    nesting += 1;
    if (nesting > nestingMax) fail("max expression depth exceeded");
    const result = parse();
    nesting -= 1;
    return result;
  };

  function parseTerm(): Operand | undefined {
    skipSpace();
    const token = peek();
    const { position } = token;
    if (!startsOperand(token)) return undefined;
    take();
    if (token.kind === "identifier") {
      if (!isFunction(token.text)) fail(`function ${JSON.stringify(token.text)} not defined`);
      return { kind: "function", name: token.text, position };
    }
    if (token.kind === "dot" || token.kind === "nil") return { kind: token.kind, position };
    if (token.kind === "variable") {
      if (!variables.includes(token.text)) fail(`undefined variable ${JSON.stringify(token.text)}`);
      return { kind: "variable", name: token.text, names: [], position };
    }
    if (token.kind === "field") return { kind: "field", names: [token.text.slice(1)], position };
    if (token.kind === "bool") return { kind: "bool", value: token.text === "true", position };
    if (token.kind === "number") {
      const value = parseNumber(token.text);
      if (value === undefined) {
        const problem = /^[+-]?[1-9]\d+$/.test(token.text) ? "integer overflow" : "illegal number syntax";
        return fail(`${problem}: ${JSON.stringify(token.text)}`);
      }
      return { kind: "number", value, text: token.text, position };
    }
    if (token.kind === "char") {
      const value = unquote(token.text);
      if (value === undefined || Array.from(value).length !== 1) {
        return fail(token.text === "''" ? "invalid syntax" : `malformed character constant: ${token.text}`);
      }
      return { kind: "number", value: BigInt(value.codePointAt(0)!), text: token.text, position };
    }
    if (token.kind === "string") {
      const value = unquote(token.text);
      return value === undefined
        ? fail("invalid syntax")
        : { kind: "string", value, text: token.text, position };
    }
    return nested(() => parsePipe("parenthesized pipeline", ")"));
  }

  function parseOperand(): Operand | undefined {
    const term = parseTerm();
    if (term === undefined || peek().kind !== "field") return term;
    const { position } = peek();
    const names: string[] = [];
    while (peek().kind === "field") names.push(take().text.slice(1));
    switch (term.kind) {
      case "field":
        return { ...term, names: [...term.names, ...names], position };
      case "variable":
        return { ...term, names, position };
      case "bool":
      case "string":
      case "number":
      case "nil":
      case "dot":
        return fail(`unexpected . after term ${JSON.stringify(showOperand(term))}`);
      case "function":
      case "chain":
      case "pipe":
        return { kind: "chain", inner: term, names, position };
    }
  }

  function parseCommand(): Command {
    skipSpace();
    const { position } = peek();
    const operands: Operand[] = [];
    for (;;) {
      const operand = parseOperand();
      if (operand !== undefined) operands.push(operand);
      const token = peek();
      if (token.kind === "space") {
        take();
        continue;
      }
      if (token.kind === "pipe") take();
      else if (token.kind !== "right" && token.kind !== ")") unexpected(take(), "operand");
      break;
    }
    const [first, ...rest] = operands;
    if (first === undefined) return fail("empty command");
    return { operands: [first, ...rest], position };
  }

  /** `$x :=`, `$x =` or `$i, $x :=` at the head of a pipeline. */
  function parseDeclarations(context: string): Pick<Pipe, "variables" | "isAssign"> {
    const declared: string[] = [];
    for (;;) {
      skipSpace();
      const start = index;
      const variable = peek();
      if (variable.kind !== "variable") break;
      take();
      skipSpace();
      const next = peek();
      if (next.kind === "=" || next.kind === ":=") {
        take();
        declared.push(variable.text);
        variables.push(variable.text);
        return { variables: declared, isAssign: next.kind === "=" };
      }
      if (next.kind !== ",") {
        index = start;
        break;
      }
      take();
      declared.push(variable.text);
      variables.push(variable.text);
      skipSpace();
      if (context !== "range" || declared.length > 1) return fail(`too many declarations in ${context}`);
      if (peek().kind !== "variable") return fail("range can only initialize variables");
    }
    return { variables: declared, isAssign: false };
  }

  function parsePipe(context: string, end: "right" | ")"): Pipe {
    skipSpace();
    const { position } = peek();
    const declarations = parseDeclarations(context);
    const commands: Command[] = [];
    for (;;) {
      skipSpace();
      const token = peek();
      if (token.kind === end) {
        take();
        break;
      }
      if (!startsOperand(token)) unexpected(take(), context);
      commands.push(parseCommand());
    }
    if (commands.length === 0) fail(`missing value for ${context}`);
    for (const [stage, command] of commands.entries()) {
      const { kind } = command.operands[0];
      if (stage > 0 && ["bool", "dot", "nil", "number", "string"].includes(kind)) {
        fail(`non executable command in pipeline stage ${stage + 1}`);
      }
    }
    return { kind: "pipe", ...declarations, commands, position };
  }

  function parseControl(kind: "if" | "with" | "range"): TemplateNode {
    const outer = variables.length;
    const pipe = parsePipe(kind, "right");
    if (kind === "range") rangeDepth += 1;
    const { nodes: body, end } = nested(parseList);
    if (kind === "range") rangeDepth -= 1;
    let otherwise: readonly TemplateNode[] = [];
    if (end.kind === "else") {
      if (end.chained !== undefined && end.chained === kind) {
        take();
        otherwise = [nested(() => parseControl(kind))];
      } else {
        const rest = nested(parseList);
        if (rest.end.kind !== "end") fail("expected end; found {{else}}", rest.end.position);
        otherwise = rest.nodes;
      }
    }
    variables.length = outer;
    return { kind, pipe, body, otherwise };
  }

  function parseName(context: string): string {
    const token = takeNonSpace();
    if (token.kind !== "string") return unexpected(token, context);
    return unquote(token.text) ?? fail("invalid syntax");
  }

  function expectRight(context: string): void {
    const token = takeNonSpace();
    if (token.kind !== "right") unexpected(token, context);
  }

  /** A body with variables of its own: define and block. */
  function parseSeparate(templateName: string, context: string): void {
    const outer = { variables, rangeDepth };
    variables = ["$"];
    rangeDepth = 0;
    const { nodes, end } = nested(parseList);
    if (end.kind !== "end") fail(`unexpected {{else}} in ${context}`, end.position);
    ({ variables, rangeDepth } = outer);
    const isEmpty = nodes.every((node) => node.kind === "text" && node.text.trim() === "");
    const earlier = defined.get(templateName);
    if (earlier !== undefined && !isEmpty) {
      fail(`template: multiple definition of template ${JSON.stringify(templateName)}`);
    }
    if (earlier === undefined) defined.set(templateName, nodes);
  }

  function parseAction(): TemplateNode | ListEnd {
    skipSpace();
    const token = peek();
    const { position } = token;
    if (token.kind !== "keyword") return { kind: "action", pipe: parsePipe("command", "right") };
    take();
    switch (token.text) {
      case "if":
      case "with":
      case "range":
        return parseControl(token.text);
      case "end":
        expectRight("end");
        return { kind: "end", position };
      case "else": {
        skipSpace();
        const next = peek();
        const chained =
          next.kind === "keyword" && (next.text === "if" || next.text === "with") ? next.text : undefined;
        if (chained === undefined) expectRight("else");
        return { kind: "else", position, chained };
      }
      case "break":
      case "continue":
        expectRight(`{{${token.text}}}`);
        if (rangeDepth === 0) fail(`{{${token.text}}} outside {{range}}`);
        return { kind: token.text };
      case "template": {
        skipSpace();
        const place = peek().position;
        const templateName = parseName("template clause");
        skipSpace();
        if (peek().kind === "right") {
          take();
          return { kind: "template", name: templateName, pipe: undefined, position: place };
        }
        return {
          kind: "template",
          name: templateName,
          pipe: parsePipe("template clause", "right"),
          position: place,
        };
      }
      case "block": {
        const templateName = parseName("block clause");
        const pipe = parsePipe("block clause", "right");
        parseSeparate(templateName, "block clause");
        return { kind: "template", name: templateName, pipe, position };
      }
      default:
        return unexpected(token, "input");
    }
  }

  /** Nodes up to `{{end}}` or `{{else}}`. */
  function parseList(): { nodes: readonly TemplateNode[]; end: ListEnd } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const token = take();
      if (token.kind === "end of input") return fail("unexpected EOF", token.position);
      if (token.kind === "text") {
        nodes.push({ kind: "text", text: token.text });
        continue;
      }
      const node = parseAction();
      if (node.kind === "end" || node.kind === "else") return { nodes, end: node };
      nodes.push(node);
    }
  }

  const body: TemplateNode[] = [];
  while (peek().kind !== "end of input") {
    const token = take();
    if (token.kind === "text") {
      body.push({ kind: "text", text: token.text });
      continue;
    }
    skipSpace();
    if (peek().kind === "keyword" && peek().text === "define") {
      take();
      const templateName = parseName("define clause");
      expectRight("define clause");
      parseSeparate(templateName, "define clause");
      continue;
    }
    const node = parseAction();
    if (node.kind === "end" || node.kind === "else")
      return fail(`unexpected {{${node.kind}}}`, node.position);
    body.push(node);
  }
  return { name, text, body, defined };
}

const operandKinds: ReadonlySet<string> = new Set([
  "bool",
  "char",
  "dot",
  "field",
  "identifier",
  "number",
  "nil",
  "string",
  "variable",
  "(",
]);

const startsOperand = (token: Token) => operandKinds.has(token.kind);

function showToken(token: Token): string {
  if (token.kind === "end of input") return "EOF";
  if (token.kind === "keyword") return `<${token.text}>`;
  const quoted = JSON.stringify(token.text.length > 10 ? token.text.slice(0, 10) : token.text);
  return token.text.length > 10 ? `${quoted}...` : quoted;
}
