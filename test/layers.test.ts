import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Folders that every other folder of the package may use. */
const foundations: Record<string, readonly string[]> = {
  agent: [],
  collector: ["model", "otlp", "telemetry"],
  installer: ["output"],
};

/** Each folder and the neighbours it may import besides the foundations. The order of rows is the order of the data. */
const allowed: Record<string, Record<string, readonly string[]>> = {
  agent: {
    resilience: [],
    health: [],
    metrics: ["resilience"],
    traces: ["resilience"],
    logs: ["resilience"],
    control: ["metrics", "health"],
  },
  collector: {
    model: [],
    telemetry: [],
    otlp: [],
    config: [],
    receive: [],
    process: [],
    journal: [],
    derive: [],
    store: [],
    promql: [],
    rules: ["promql"],
    notify: [],
    export: [],
    api: [],
    answers: ["promql", "api"],
    ui: [],
  },
  installer: {
    output: [],
    manifest: [],
    cluster: ["manifest"],
    check: ["manifest", "cluster"],
    command: ["manifest", "cluster", "check"],
  },
};

const linesMax = 400;
const bannedNames = /(^|\/)(utils?|helpers?|common|misc|manager)(\.|\/|$)/;

/** Every file of ours, as git sees it: tracked, or new and not ignored. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
  timeout: 30_000,
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = files.filter((file) => /\.(ts|mjs|js)$/.test(file));

/** Tests and what only tests use: `x.test.ts`, `x.test-kit.ts`, `test-x.ts`. They may build a stage with its neighbours. */
const isTestFile = (file: string) => /(\.test|\.test-kit)\.ts$|\/test-[^/]+\.ts$/.test(file);

/** Specifiers of static imports, re-exports, side-effect imports and dynamic imports. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g)].map((match) => match[1]!);
}

/** What is wrong with one import, or undefined. */
function problemOf(file: string, specifier: string): string | undefined {
  const [, packageName, , folder] = file.split("/") as [string, string, string, string];
  const packageSource = join(root, "packages", packageName, "src");
  if (!specifier.startsWith(".")) {
    const isOther =
      /^@quartet\/(agent|collector)/.test(specifier) && !specifier.startsWith(`@quartet/${packageName}`);
    return isOther && packageName !== "installer" ? "agent and collector share no code" : undefined;
  }
  const target = relative(packageSource, join(root, dirname(file), specifier))
    .split(sep)
    .join("/");
  if (target.startsWith("..")) return "leaves the package's src";
  const isComposition = file.split("/").length === 4;
  const to = target.split("/")[0]!;
  if (!target.includes("/"))
    return isComposition ? undefined : "only composition files import composition files";
  if (isComposition || to !== folder) {
    if (target !== `${to}/index.ts` && packageName !== "installer") return `enter ${to} through its index.ts`;
  }
  if (isComposition || to === folder) return undefined;
  const may = [...foundations[packageName]!, ...(allowed[packageName]?.[folder] ?? [])];
  return may.includes(to) ? undefined : `${folder} may not import ${to}`;
}

test("folders import only the neighbours in their row, through index.ts", () => {
  const broken = sources
    .filter((file) => /^packages\/\w+\/src\//.test(file) && !isTestFile(file))
    .flatMap((file) =>
      importsOf(file).map((specifier) => ({ file, specifier, problem: problemOf(file, specifier) })),
    )
    .filter(({ problem }) => problem !== undefined);
  expect(broken).toEqual([]);
});

test("every folder of a package has its row", () => {
  const folders = new Set(
    sources.flatMap((file) => /^packages\/(\w+)\/src\/(\w+)\//.exec(file)?.slice(1, 3).join("/") ?? []),
  );
  const missing = [...folders].filter((folder) => {
    const [packageName, name] = folder.split("/") as [string, string];
    return allowed[packageName]?.[name] === undefined;
  });
  expect(missing).toEqual([]);
});

test("a door holds named exports and no logic", () => {
  const doors = sources.filter((file) => /^packages\/\w+\/src\/\w+\/index\.ts$/.test(file));
  const broken = doors.filter((file) => {
    const text = readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    return text.replaceAll(/export\s+(type\s+)?\{[^}]*\}\s+from\s+"[^"]+";/g, "").trim() !== "";
  });
  expect(broken).toEqual([]);
});

test(`no source file is longer than ${linesMax} lines`, () => {
  const long = sources
    .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length - 1 }))
    .filter(({ lines }) => lines > linesMax);
  expect(long).toEqual([]);
});

test("no file or folder is named after nothing", () => {
  expect(files.filter((file) => bannedNames.test(file))).toEqual([]);
});

test("nothing is left open, switched off or swallowed", () => {
  const self = basename(import.meta.filename);
  const patterns: Record<string, RegExp> = {
    "left open": /\b(TODO|FIXME|XXX)\b/,
    "switched off": /\b(it|test|describe)\.(only|skip|todo)\(/,
    "swallowed error": /catch\s*(\([^)]*\))?\s*\{\s*\}/,
  };
  const found = sources
    .filter((file) => basename(file) !== self)
    .flatMap((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return Object.entries(patterns)
        .filter(([, pattern]) => pattern.test(text))
        .map(([name]) => `${file}: ${name}`);
    });
  expect(found).toEqual([]);
});

test("no path of one machine and no registry stands in the tree", () => {
  // Written so that this file does not match itself.
  const pattern = /[/]root[/]|[/]home[/][a-z]+[/]|registry[.]npmjs|[/]work[/]/;
  const found = files
    .filter((file) => !/\.(png|ico|tgz)$/.test(file))
    .filter((file) => pattern.test(readFileSync(join(root, file), "utf8")));
  expect(found).toEqual([]);
});
