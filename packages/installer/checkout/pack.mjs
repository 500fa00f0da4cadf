// `npm run pack`: builds the packages and writes their tarballs into dist/ of the root, or into the folder given.
// With --as-is it takes node_modules as they are; a suite must not install under the others' feet.
// Everything is built in a folder of its own: a `tsc -b` or a suite that runs meanwhile is not disturbed, and nothing of an
// older build can slip into a tarball.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root, setUp } from "./setup.mjs";

const { values, positionals } = parseArgs({
  options: { "as-is": { type: "boolean" } },
  allowPositionals: true,
});
const node = values["as-is"] ? process.execPath : setUp();
const names = ["agent", "collector", "installer"];
const target = resolve(positionals[0] ?? join(root, "dist"));

const stage = mkdtempSync(join(tmpdir(), "quartet-pack-"));
process.once("exit", () => rmSync(stage, { recursive: true, force: true }));
for (const name of names) stagePackage(name);
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
// tsc writes what it finds to its standard output.
run(node, [tsc, "-b", ...names.map((name) => tsconfigOf(name))], { stdout: 2 });
stageShop();
mkdirSync(target, { recursive: true });
for (const name of names) npm(["pack", "--silent", "--pack-destination", target], join(stage, name));
for (const name of names) process.stdout.write(`${join(target, `quartet-${name}-${versionOf(name)}.tgz`)}\n`);

/** Copies what goes into the tarball as it is, and writes the configuration that builds the rest. */
function stagePackage(name) {
  const source = join(root, "packages", name);
  mkdirSync(join(stage, name));
  for (const file of ["package.json", "README.md", "bin"]) {
    if (existsSync(join(source, file)))
      cpSync(join(source, file), join(stage, name, file), { recursive: true });
  }
  cpSync(join(root, "LICENSE"), join(stage, name, "LICENSE"));
  const { exclude, references = [] } = JSON.parse(readFileSync(join(source, "tsconfig.build.json"), "utf8"));
  const config = {
    extends: join(source, "tsconfig.build.json"),
    compilerOptions: {
      rootDir: join(source, "src"),
      outDir: join(stage, name, "dist"),
      tsBuildInfoFile: join(stage, name, "dist", ".tsbuildinfo"),
      typeRoots: [join(root, "node_modules", "@types")],
      // The sources stay in the repository, and a map without them leads nowhere.
      sourceMap: false,
      declarationMap: false,
    },
    include: [join(source, "src")],
    exclude: exclude.map((pattern) => join(source, pattern)),
    references: references.map(({ path }) => ({ path: tsconfigOf(basename(dirname(path))) })),
  };
  writeFileSync(tsconfigOf(name), JSON.stringify(config, undefined, 2));
}

/** The demo runs from the tarball too: its services travel with the command. */
function stageShop() {
  const shop = join(stage, "installer", "dist", "shop");
  mkdirSync(shop, { recursive: true });
  for (const file of readdirSync(join(root, "examples", "shop"))) {
    if (/\.(js|yaml)$/.test(file)) cpSync(join(root, "examples", "shop", file), join(shop, file));
  }
}

function tsconfigOf(name) {
  return join(stage, `tsconfig.${name}.json`);
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(stage, name, "package.json"), "utf8")).version;
}

function npm(args, cwd) {
  const script = process.env.npm_execpath;
  if (script?.endsWith(".js")) run(process.execPath, [script, ...args], { cwd });
  else run("npm", args, { cwd });
}

/** Its standard output goes nowhere or elsewhere: ours holds the tarballs' paths alone. */
function run(command, args, { cwd = root, stdout = "ignore" }) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", stdout, 2],
    shell: process.platform === "win32" && command === "npm",
    timeout: 10 * 60_000,
  });
  if (status === 0) return;
  process.stderr.write(`${command} ${args.join(" ")} failed: ${error?.message ?? `exit code ${status}`}\n`);
  process.exit(1);
}
