import { defineConfig } from "vitest/config";

/** Runs on sources: the condition maps every package of ours to its `src` (ssr.* as well, vitest 5 ignores the first alone). */
const conditions = ["quartet-source", "node", "import", "module", "default"];
const long = process.env["QUARTET_TEST_LENGTH"] === "long";
/** A property test of a second has a hundred times the cases in a long run, and more. */
const longTimeoutMs = 3 * 3_600_000;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Workers and children that a test starts must find sources too.
    execArgv: ["--conditions=quartet-source"],
    exclude: ["**/node_modules/**", "**/dist/**", ...(long ? [] : ["**/*.long.test.ts"])],
    projects: [
      {
        extends: true,
        // One module graph for all files: they mock no module, and loading it anew for each took half of the inner loop.
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts"],
          isolate: false,
          testTimeout: long ? longTimeoutMs : 5_000,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          testTimeout: long ? longTimeoutMs : 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
