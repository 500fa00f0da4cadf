import { expect, test } from "vitest";
import { listImages, tagOf, versionLabel } from "./images.ts";
import { settingsDefault } from "./test-context.ts";

test("every component has one image, and Elasticsearch and Kibana one version", () => {
  const images = listImages(settingsDefault);
  expect(images.map(({ component }) => component)).toEqual([
    "collector",
    "prometheus",
    "jaeger",
    "elasticsearch",
    "fluent-bit",
    "kibana",
  ]);
  const tags = Object.fromEntries(images.map(({ component, tag }) => [component, tag]));
  expect(tags["kibana"]).toBe(tags["elasticsearch"]);
});

test("without a flag the collector's image has a name that nobody else can publish", () => {
  expect(listImages(settingsDefault)[0]).toEqual({
    component: "collector",
    image: "localhost/quartet-collector:1.2.3",
    tag: "1.2.3",
  });
});

test("a registry takes the place of every host and leaves path and tag", () => {
  const images = listImages({ ...settingsDefault, registry: "registry.example.com:5000/mirror" });
  for (const { image, tag } of images) {
    expect(image.startsWith("registry.example.com:5000/mirror/")).toBe(true);
    expect(image.endsWith(`:${tag}`)).toBe(true);
  }
  expect(images.find(({ component }) => component === "prometheus")?.image).toBe(
    "registry.example.com:5000/mirror/prometheus/prometheus:v3.14.0",
  );
});

test("a collector image that is given whole stays as it is, whatever the registry", () => {
  const settings = {
    ...settingsDefault,
    registry: "r.example.com",
    collectorImage: "other.example.com:443/c:5",
  };
  expect(listImages(settings)[0]).toMatchObject({ image: "other.example.com:443/c:5", tag: "5" });
});

test.each([
  ["a/b:1", "1"],
  ["host:5000/a/b", "latest"],
  ["host:5000/a/b:2", "2"],
  ["a/b:3@sha256:00", "3"],
])("the tag of %s is %s", (image, tag) => {
  expect(tagOf(image)).toBe(tag);
});

test("a long tag becomes a label that Kubernetes takes", () => {
  expect(versionLabel(`v1.${"0".repeat(59)}.-_x`)).toBe(`v1.${"0".repeat(59)}`);
});
