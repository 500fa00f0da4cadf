import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { createCredentials } from "./credentials.ts";
import { buildManifest, renderYaml } from "./manifest.ts";
import { settingsDefault, settingsFull, testContext, testCredentials } from "./test-context.ts";
import type { Manifest } from "./types.ts";

const variants = { default: settingsDefault, full: settingsFull };

/** With `vitest run … --update` the files are written anew. */
describe.each(Object.entries(variants))("the rendered manifests (%s)", (name, settings) => {
  const waves = buildManifest(testContext(settings));

  test("are what the golden file holds", async () => {
    await expect(renderYaml(waves, { withSecrets: false })).toMatchFileSnapshot(`./__golden__/${name}.yaml`);
  });

  test("are the same bytes on every run, whatever the credentials", () => {
    const again = buildManifest({ settings, credentials: createCredentials((size) => new Uint8Array(size)) });
    expect(renderYaml(again, { withSecrets: false })).toBe(renderYaml(waves, { withSecrets: false }));
  });

  test.each(["1.1", "1.2"] as const)("mean the same objects to a reader of YAML %s", (version) => {
    const documents = parseAllDocuments(renderYaml(waves, { withSecrets: true }), { version });
    expect(documents.map((document) => document.toJS() as unknown)).toEqual(
      waves.flatMap(({ objects }) => objects),
    );
  });

  test("hold no credential and no webhook unless asked", () => {
    const masked = renderYaml(waves, { withSecrets: false });
    const whole = renderYaml(waves, { withSecrets: true });
    const values = [...Object.values(testCredentials()), settings.webhook].filter(
      (value) => value !== undefined,
    );
    for (const value of values) {
      const encoded = Buffer.from(value, "utf8").toString("base64").replace(/=+$/, "").slice(0, -1);
      expect(masked).not.toContain(value);
      expect(masked).not.toContain(encoded);
    }
    expect(whole).toContain(Buffer.from(testCredentials().apiToken, "utf8").toString("base64"));
  });

  test("name no object twice", () => {
    const names = waves.flatMap(({ objects }) => objects).map(nameOf);
    expect(new Set(names).size).toBe(names.length);
  });
});

test("waves: namespaces, what pods mount, Elasticsearch, the rest", () => {
  const kinds = buildManifest(testContext(settingsDefault)).map(({ name, objects }) => [
    name,
    [...new Set(objects.map(({ kind }) => kind))],
  ]);
  expect(Object.fromEntries(kinds)).toEqual({
    namespaces: ["Namespace"],
    configuration: [
      "ClusterRole",
      "ClusterRoleBinding",
      "ConfigMap",
      "NetworkPolicy",
      "Secret",
      "Service",
      "ServiceAccount",
    ],
    storage: ["StatefulSet"],
    workloads: ["DaemonSet", "Deployment", "StatefulSet"],
  });
});

test("other rules change the collector's configuration and pod, and nothing else", () => {
  const before = buildManifest(testContext(settingsDefault)).flatMap(({ objects }) => objects);
  const after = buildManifest(
    testContext({ ...settingsDefault, ruleFiles: [{ name: "mine.yaml", text: "groups: []\n" }] }),
  ).flatMap(({ objects }) => objects);
  const changed = after.filter((object, index) => JSON.stringify(object) !== JSON.stringify(before[index]));
  expect(changed.map(nameOf)).toEqual([
    "ConfigMap quartet/quartet-collector",
    "ConfigMap quartet/quartet-rules",
    "StatefulSet quartet/quartet-collector",
  ]);
});

test("the collector takes a dollar sign of the webhook as it is", () => {
  const objects = buildManifest(testContext(settingsFull)).flatMap((wave) => wave.objects);
  const config = objects.find((object) => nameOf(object) === "ConfigMap observe/quartet-collector");
  // The URL comes in through a variable, whose value is not expanded again.
  expect(JSON.stringify(config)).toContain("webhook: ${QUARTET_WEBHOOK}");
});

function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}
