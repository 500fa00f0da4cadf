import { expect, test } from "vitest";
import { parseConfig } from "./index.ts";

test("the configuration shows what was written and every default, and no secret", () => {
  const { yaml } = parseConfig(
    `
export:
  jaeger:
    type: otlp_http
    signals: [traces]
    endpoint: "http://user:hunter1@127.0.0.1:14318"
    headers: { authorization: "Bearer hunter2" }
    proxy: "http://a:hunter3@127.0.0.1:3128"
notify: { webhook: "http://127.0.0.1:5001/hunter4" }
`,
    { file: "quartet.yaml", env: {} },
  );
  expect(yaml).not.toContain("hunter");
  expect(yaml).toContain("endpoint: http://<secret>@127.0.0.1:14318");
  expect(yaml).toContain("authorization: <secret>");
  expect(yaml).toContain("webhook: <secret>");
  expect(yaml).toContain("evaluation_interval: 15s");
  expect(
    parseConfig(
      yaml
        .replaceAll("<secret>@", "")
        .replace("<secret>", "x")
        .replace("webhook: <secret>", "webhook: http://x"),
      { file: "again", env: {} },
    ),
  ).toMatchObject({ rules: { evaluationIntervalMs: 15_000 } });
});
