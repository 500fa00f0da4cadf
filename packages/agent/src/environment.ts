/** The environment, read with defaults; what cannot be used is collected as problems. */
export interface Environment {
  /** The text of the first variable that is set; an empty one counts as unset (OpenTelemetry specification, "Parsing empty value"). */
  readonly text: (...names: string[]) => { readonly name: string; readonly value: string } | undefined;
  readonly integer: (names: readonly string[], settings: IntegerSettings) => number;
  readonly number: (names: readonly string[], settings: IntegerSettings) => number;
  readonly boolean: (name: string, otherwise: boolean) => boolean;
  readonly choice: <T extends string>(name: string, choices: readonly T[], otherwise: T) => T;
  /** `a=1,b=2` with percent-encoded values; undefined when unset or wrong. */
  readonly pairs: (name: string) => Record<string, string> | undefined;
  readonly url: (names: readonly string[]) => { readonly name: string; readonly url: URL } | undefined;
  readonly problem: (name: string, value: string, message: string) => void;
  readonly problems: () => readonly string[];
}

interface IntegerSettings {
  readonly otherwise: number;
  readonly min: number;
  readonly max: number;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads `variables`; each problem is one sentence that names the variable, its value and what was taken in its place. */
export function createEnvironment(variables: Variables): Environment {
  // A set: three signals read one common variable, and its problem is one.
  const problems = new Set<string>();
  const problem: Environment["problem"] = (name, value, message) => {
    problems.add(`${name}=${JSON.stringify(value)} ${message}`);
  };
  const text: Environment["text"] = (...names) => {
    for (const name of names) {
      const value = variables[name]?.trim();
      if (value !== undefined && value !== "") return { name, value };
    }
    return undefined;
  };
  const bounded =
    (isRight: (value: number) => boolean, kind: string): Environment["integer"] =>
    (names, { otherwise, min, max }) => {
      const found = text(...names);
      if (found === undefined) return otherwise;
      const value = Number(found.value);
      if (isRight(value) && value >= min && value <= max) return value;
      problem(found.name, found.value, `is not ${kind} from ${min} to ${max}; ${otherwise} is used`);
      return otherwise;
    };

  return {
    text,
    integer: bounded(Number.isInteger, "a whole number"),
    number: bounded(Number.isFinite, "a number"),
    boolean(name, otherwise) {
      const found = text(name);
      if (found === undefined) return otherwise;
      const lower = found.value.toLowerCase();
      if (lower === "true" || lower === "false") return lower === "true";
      // Specification, "Boolean": anything but "true" is false, with a warning.
      problem(name, found.value, "is neither true nor false; false is used");
      return false;
    },
    choice(name, choices, otherwise) {
      const found = text(name);
      if (found === undefined) return otherwise;
      const lower = found.value.toLowerCase();
      const choice = choices.find((candidate) => candidate === lower);
      if (choice !== undefined) return choice;
      problem(name, found.value, `is not one of ${choices.join(", ")}; ${otherwise} is used`);
      return otherwise;
    },
    pairs(name) {
      const found = text(name);
      if (found === undefined) return undefined;
      const pairs: Record<string, string> = {};
      for (const part of found.value.split(",")) {
        if (part.trim() === "") continue;
        const end = part.indexOf("=");
        const pair = end > 0 ? decodePair(part, end) : undefined;
        if (pair === undefined) {
          // Values are often secrets (headers): the message names the place, not the value.
          problems.add(
            `${name} has a part that is not name=value with a percent-encoded value; all of ${name} is ignored`,
          );
          return undefined;
        }
        pairs[pair.name] = pair.value;
      }
      return pairs;
    },
    url(names) {
      const found = text(...names);
      if (found === undefined) return undefined;
      const url = URL.canParse(found.value) ? new URL(found.value) : undefined;
      if (url !== undefined && (url.protocol === "http:" || url.protocol === "https:"))
        return { name: found.name, url };
      problem(
        found.name,
        found.value,
        "is not an address such as http://127.0.0.1:4318; the default is used",
      );
      return undefined;
    },
    problem,
    problems: () => [...problems],
  };
}

function decodePair(part: string, end: number): { name: string; value: string } | undefined {
  const name = part.slice(0, end).trim();
  try {
    return name === "" ? undefined : { name, value: decodeURIComponent(part.slice(end + 1).trim()) };
  } catch {
    return undefined;
  }
}
