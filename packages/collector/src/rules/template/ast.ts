/** One operand of a command. Positions are offsets in the template's text. */
export type Operand =
  | { readonly kind: "dot"; readonly position: number }
  | { readonly kind: "nil"; readonly position: number }
  | { readonly kind: "bool"; readonly value: boolean; readonly position: number }
  | NumberOperand
  | { readonly kind: "string"; readonly value: string; readonly text: string; readonly position: number }
  | { readonly kind: "field"; readonly names: readonly string[]; readonly position: number }
  | {
      readonly kind: "variable";
      readonly name: string;
      readonly names: readonly string[];
      readonly position: number;
    }
  | { readonly kind: "function"; readonly name: string; readonly position: number }
  | {
      readonly kind: "chain";
      readonly inner: Operand;
      readonly names: readonly string[];
      readonly position: number;
    }
  | Pipe;

/** A constant: an int as bigint, a float as number, as in Go by the way it is written. */
export interface NumberOperand {
  readonly kind: "number";
  readonly value: bigint | number;
  readonly text: string;
  readonly position: number;
}

export interface Command {
  readonly operands: readonly [Operand, ...Operand[]];
  readonly position: number;
}

export interface Pipe {
  readonly kind: "pipe";
  /** Variables that take the result, with their dollar sign. */
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly isAssign: boolean;
  readonly commands: readonly Command[];
  readonly position: number;
}

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipe: Pipe;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | {
      readonly kind: "template";
      readonly name: string;
      readonly pipe: Pipe | undefined;
      readonly position: number;
    }
  | { readonly kind: "break" | "continue" };

/** A parsed template with the templates it defines. */
export interface ParsedTemplate {
  readonly name: string;
  readonly text: string;
  readonly body: readonly TemplateNode[];
  readonly defined: ReadonlyMap<string, readonly TemplateNode[]>;
}

/** An operand as Go writes it in messages. */
export function showOperand(operand: Operand): string {
  switch (operand.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(operand.value);
    case "number":
    case "string":
      return operand.text;
    case "field":
      return `.${operand.names.join(".")}`;
    case "variable":
      return [operand.name, ...operand.names].join(".");
    case "function":
      return operand.name;
    case "chain": {
      const inner = showOperand(operand.inner);
      return `${operand.inner.kind === "pipe" ? `(${inner})` : inner}.${operand.names.join(".")}`;
    }
    case "pipe":
      return showPipe(operand);
  }
}

/** A pipeline as Go writes it in messages. */
export function showPipe(pipe: Pipe): string {
  const commands = pipe.commands.map(showCommand).join(" | ");
  return pipe.variables.length === 0
    ? commands
    : `${pipe.variables.join(", ")} ${pipe.isAssign ? "=" : ":="} ${commands}`;
}

/** A command as Go writes it in messages. */
export function showCommand(command: Command): string {
  return command.operands
    .map((operand) => (operand.kind === "pipe" ? `(${showPipe(operand)})` : showOperand(operand)))
    .join(" ");
}
