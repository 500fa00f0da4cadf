// Runs one TypeScript file of the checkout on Node 24: `node source.mjs FILE ARGS…`, FILE relative to the root.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, setUp } from "./setup.mjs";

const [file, ...rest] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("name the file to run, relative to the root of the checkout\n");
  process.exit(2);
}
const node = setUp();
const { status } = spawnSync(node, ["--conditions=quartet-source", join(root, file), ...rest], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
