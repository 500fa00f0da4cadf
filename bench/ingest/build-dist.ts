// The collector as it is published, built into a folder of its own.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProcess } from "../../test/support/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Builds the sources as they are into `folder`; gives the file that runs. */
export async function buildDist(folder: string): Promise<string> {
  const source = join(root, "packages", "collector");
  const tsconfig = join(folder, "tsconfig.json");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    tsconfig,
    JSON.stringify({
      extends: join(source, "tsconfig.build.json"),
      compilerOptions: {
        rootDir: join(source, "src"),
        outDir: join(folder, "dist"),
        tsBuildInfoFile: join(folder, ".tsbuildinfo"),
        typeRoots: [join(root, "node_modules", "@types")],
        declarationMap: false,
        sourceMap: false,
      },
      include: [join(source, "src")],
      exclude: ["src/**/*.test.ts", "src/**/*.test-kit.ts"].map((pattern) => join(source, pattern)),
    }),
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", version: "0.0.0" }));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { code, stdout } = await runProcess({
    name: "tsc",
    command: process.execPath,
    args: [tsc, "-p", tsconfig],
    deadlineMs: 300_000,
  });
  if (code !== 0) throw new Error(`the collector cannot be built:\n${stdout}`);
  return join(folder, "dist", "main.js");
}
