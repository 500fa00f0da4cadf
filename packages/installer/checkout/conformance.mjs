// `npm run conformance -- FILE.test …`: runs scripts in Prometheus' promqltest language against our PromQL.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, setUp } from "./setup.mjs";

const node = setUp();
const args = [
  "--conditions=quartet-source",
  join(root, "test", "conformance", "run.ts"),
  ...process.argv.slice(2),
];
process.exitCode = spawnSync(node, args, { stdio: "inherit" }).status ?? 1;
