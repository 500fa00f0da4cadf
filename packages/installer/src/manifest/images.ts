/**
 * The lock file of images: every image that the rendered manifests may name, by version. Nothing else is downloaded at run time.
 * Prometheus and Jaeger have the versions that the test suites start (a test compares them with test/parts).
 * Elasticsearch and Kibana must have one version.
 */
const lock = {
  prometheus: { registry: "quay.io", path: "prometheus/prometheus", tag: "v3.14.0" },
  jaeger: { registry: "docker.io", path: "jaegertracing/jaeger", tag: "2.13.0" },
  elasticsearch: {
    registry: "docker.elastic.co",
    path: "elasticsearch/elasticsearch",
    tag: "9.2.4",
  },
  kibana: { registry: "docker.elastic.co", path: "kibana/kibana", tag: "9.2.4" },
  "fluent-bit": { registry: "cr.fluentbit.io", path: "fluent/fluent-bit", tag: "5.1.1" },
} as const;

export type Component = "collector" | keyof typeof lock;

const components: readonly Component[] = [
  "collector",
  "prometheus",
  "jaeger",
  "elasticsearch",
  "fluent-bit",
  "kibana",
];

export interface Image {
  readonly component: Component;
  /** As a pod names it: registry/path:tag. */
  readonly image: string;
  readonly tag: string;
}

interface ImageSettings {
  readonly version: string;
  readonly registry: string | undefined;
  readonly collectorImage: string | undefined;
}

/**
 * The collector's image is not published: `localhost/` is a name that nobody else can publish under, so a cluster that lacks
 * the image says so instead of running a stranger's. Build it with packages/collector/Dockerfile.
 */
export function collectorImageDefault(version: string): string {
  return `localhost/quartet-collector:${version}`;
}

/** The image of one component. `registry` replaces the registry's host; the path and the tag stay. */
export function imageOf(component: Component, settings: ImageSettings): Image {
  if (component === "collector") {
    const own = settings.collectorImage;
    const image = own ?? withRegistry(collectorImageDefault(settings.version), settings.registry);
    return { component, image, tag: tagOf(image) };
  }
  const { registry, path, tag } = lock[component];
  return { component, image: `${settings.registry ?? registry}/${path}:${tag}`, tag };
}

/** Every image of an installation, in the order of `components`. */
export function listImages(settings: ImageSettings): readonly Image[] {
  return components.map((component) => imageOf(component, settings));
}

/** The tag of an image, or "latest", which is what a missing one means to Kubernetes. */
export function tagOf(image: string): string {
  const last = image.split("@")[0]!.split("/").at(-1)!;
  return last.split(":")[1] ?? "latest";
}

/** A tag as the value of a label, which is shorter and ends in a letter or digit. */
export function versionLabel(tag: string): string {
  return tag.slice(0, 63).replace(/[^A-Za-z0-9]+$/, "");
}

function withRegistry(image: string, registry: string | undefined): string {
  return registry === undefined ? image : `${registry}/${image.slice(image.indexOf("/") + 1)}`;
}
