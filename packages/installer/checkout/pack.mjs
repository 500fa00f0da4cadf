// `npm run pack`: builds the packages and writes their tarballs into dist/ of the root.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, setUp } from "./setup.mjs";

const node = setUp();
const names = ["agent", "collector", "installer"];
const target = process.argv[2] ?? join(root, "dist");

// Files of an older build must not slip into the tarballs.
for (const name of names) rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });
run(node, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
// The demo runs from the tarball too: its services travel with the command.
const shop = join(root, "packages", "installer", "dist", "shop");
mkdirSync(shop, { recursive: true });
for (const file of readdirSync(join(root, "examples", "shop"))) {
  if (/\.(js|yaml)$/.test(file)) cpSync(join(root, "examples", "shop", file), join(shop, file));
}
mkdirSync(target, { recursive: true });
for (const name of names) {
  copyFileSync(join(root, "LICENSE"), join(root, "packages", name, "LICENSE"));
  try {
    npm(["pack", "--silent", "--pack-destination", target, "--workspace", join("packages", name)]);
  } finally {
    rmSync(join(root, "packages", name, "LICENSE"));
  }
}
for (const file of readdirSync(target).filter((name) => name.endsWith(".tgz")))
  process.stdout.write(`${join(target, file)}\n`);

function npm(args) {
  const script = process.env.npm_execpath;
  if (script?.endsWith(".js")) run(process.execPath, [script, ...args]);
  else run("npm", args);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32" && command === "npm",
    timeout: 10 * 60_000,
  });
  if (status === 0) return;
  process.stderr.write(`${command} ${args.join(" ")} failed: ${error?.message ?? `exit code ${status}`}\n`);
  process.exit(1);
}
