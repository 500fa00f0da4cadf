import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { runProcess } from "../../support/index.ts";

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

const names = ["agent", "collector", "installer"] as const;

/** Builds the tarballs of all three packages into `folder`, as `npm run pack` does. */
export async function packTarballs(root: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const { code, stdout, stderr } = await runProcess({
    name: "npm run pack",
    command: process.execPath,
    args: [join(root, "packages", "installer", "checkout", "pack.mjs"), "--as-is", folder],
    deadlineMs: 170_000,
  });
  if (code !== 0) throw new Error(`npm run pack ended with ${code}:\n${stdout}${stderr}`);
  const files = stdout.trimEnd().split("\n");
  return Object.fromEntries(
    names.map((name) => {
      const file = files.find((path) => basename(path).startsWith(`quartet-${name}-`));
      if (file === undefined) throw new Error(`npm run pack named no tarball of ${name}:\n${stdout}`);
      return [name, file];
    }),
  );
}

/**
 * Installs the tarballs into an empty folder without a word to any registry: what they depend on comes from npm's cache, which
 * `npm ci` of the checkout filled, by the integrity in the checkout's lock file. Where the cache has been emptied since, the
 * checkout's own modules are linked instead; the tarballs are unpacked from their files in both cases.
 */
export async function installTarballs(settings: {
  readonly root: string;
  readonly folder: string;
  readonly tarballs: Readonly<Record<string, string>>;
}): Promise<"from npm's cache" | "beside the checkout's modules"> {
  const { root, folder, tarballs } = settings;
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lock;
  const manifest = {
    name: "service",
    version: "1.0.0",
    private: true,
    dependencies: Object.fromEntries(names.map((name) => [`@quartet/${name}`, `file:${tarballs[name]}`])),
  };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await writeFile(
    join(folder, "package-lock.json"),
    JSON.stringify(lockOfInstallation(lock, tarballs, manifest)),
  );
  const npm = npmCommand();
  const { code, stderr } = await runProcess({
    name: "npm install",
    command: npm.command,
    args: [...npm.args, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"],
    cwd: folder,
    deadlineMs: 120_000,
  });
  if (code === 0) return "from npm's cache";
  // ENOTCACHED is how npm says that it would have to ask the registry.
  if (!stderr.includes("ENOTCACHED")) throw new Error(`npm install ended with ${code}:\n${stderr}`);
  await linkModules(settings);
  return "beside the checkout's modules";
}

/** The checkout's lock file without its workspaces, and with the tarballs in their place. */
function lockOfInstallation(
  lock: Lock,
  tarballs: Readonly<Record<string, string>>,
  manifest: { readonly name: string; readonly version: string },
): object {
  const packages: Record<string, object> = { "": manifest };
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path.startsWith("node_modules/") && entry.link !== true) packages[path] = entry;
  }
  for (const name of names) {
    const { version, dependencies, engines, bin } = lock.packages[`packages/${name}`] ?? {};
    packages[`node_modules/@quartet/${name}`] = {
      version,
      resolved: `file:${tarballs[name]}`,
      dependencies,
      engines,
      bin,
    };
  }
  return { name: manifest.name, version: manifest.version, lockfileVersion: 3, requires: true, packages };
}

async function linkModules({
  root,
  folder,
  tarballs,
}: {
  readonly root: string;
  readonly folder: string;
  readonly tarballs: Readonly<Record<string, string>>;
}): Promise<void> {
  const from = join(root, "node_modules");
  const to = join(folder, "node_modules");
  await rm(to, { recursive: true, force: true });
  await mkdir(join(to, ".bin"), { recursive: true });
  for (const entry of await readdir(from)) {
    if (entry.startsWith(".") || entry === "@quartet") continue;
    await symlink(join(from, entry), join(to, entry), "junction");
  }
  for (const name of names) {
    const target = join(to, "@quartet", name);
    await mkdir(target, { recursive: true });
    const { code, stderr } = await runProcess({
      command: "tar",
      args: ["-xzf", tarballs[name] ?? "", "-C", target, "--strip-components=1"],
    });
    if (code !== 0) throw new Error(`tar ended with ${code}: ${stderr}`);
  }
  await symlink(join("..", "@quartet", "installer", "bin", "quartet.js"), join(to, ".bin", "quartet"));
  await lstat(join(to, ".bin", "quartet"));
}

/** npm's own script on our Node when npm started us, the npm on the path otherwise. */
function npmCommand(): { readonly command: string; readonly args: readonly string[] } {
  const script = process.env["npm_execpath"];
  if (script !== undefined && script.endsWith("npm-cli.js")) {
    return { command: process.execPath, args: [script] };
  }
  return { command: process.platform === "win32" ? "npm.cmd" : "npm", args: [] };
}
