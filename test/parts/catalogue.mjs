// Plain JavaScript that Node 20 runs without node_modules: what the parts are and where their binaries lie.
// Both the build (before `npm ci`) and the suites (index.ts) read it, so that they never disagree about a path.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const kubernetes = { folder: "kubernetes", modulePath: "k8s.io/kubernetes" };
// A build from the module proxy has no git tags to take its version from; clients and checks read it from /version.
const kubernetesVersion = "k8s.io/component-base/version";
const prometheus = {
  folder: "prometheus",
  modulePath: "github.com/prometheus/prometheus",
  tags: "netgo,remove_all_sd",
};

/**
 * @typedef {object} GoPart
 * @property {string} folder      the folder here that holds go.mod and go.sum
 * @property {string} modulePath  the module whose version is the part's version
 * @property {string} command     the package to build
 * @property {string} [tags]      build tags
 * @property {(version: string) => Record<string, string>} [variables]  string variables that the linker sets
 * @property {readonly string[]} [files]  files of the module that are copied beside the binary
 * @property {readonly string[]} [sources]  files of the folder that are compiled in
 */

/** In the order of building: what many suites need, and what is quick, comes first. */
export const goParts = /** @satisfies {Record<string, GoPart>} */ ({
  telemetrygen: {
    folder: "telemetrygen",
    modulePath: "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
    command: "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
  },
  "go-client": {
    folder: "go-client",
    modulePath: "go.opentelemetry.io/otel",
    command: ".",
    sources: ["main.go"],
  },
  // In place of the builder's generated program: our own main.go names the same factories in a page.
  otelcol: {
    folder: "otelcol",
    modulePath: "go.opentelemetry.io/collector/otelcol",
    command: ".",
    sources: ["main.go"],
  },
  etcd: { folder: "etcd", modulePath: "go.etcd.io/etcd/server/v3", command: "go.etcd.io/etcd/server/v3" },
  prometheus: {
    ...prometheus,
    command: "github.com/prometheus/prometheus/cmd/prometheus",
    variables: prometheusVariables,
  },
  promtool: {
    ...prometheus,
    command: "github.com/prometheus/prometheus/cmd/promtool",
    variables: prometheusVariables,
  },
  jaeger: {
    folder: "jaeger",
    modulePath: "github.com/jaegertracing/jaeger",
    command: "github.com/jaegertracing/jaeger/cmd/jaeger",
  },
  "kube-apiserver": {
    ...kubernetes,
    command: "k8s.io/kubernetes/cmd/kube-apiserver",
    variables: kubernetesVariables,
  },
  "kube-controller-manager": {
    ...kubernetes,
    command: "k8s.io/kubernetes/cmd/kube-controller-manager",
    variables: kubernetesVariables,
  },
  "kube-scheduler": {
    ...kubernetes,
    command: "k8s.io/kubernetes/cmd/kube-scheduler",
    variables: kubernetesVariables,
  },
  kwok: {
    folder: "kwok",
    modulePath: "sigs.k8s.io/kwok",
    command: "sigs.k8s.io/kwok/cmd/kwok",
    // Without stages kwok exits with "no stages found".
    files: [
      "kustomize/stage/node/fast/node-initialize.yaml",
      "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
      "kustomize/stage/pod/fast/pod-ready.yaml",
      "kustomize/stage/pod/fast/pod-complete.yaml",
      "kustomize/stage/pod/fast/pod-delete.yaml",
    ],
  },
});

/**
 * @typedef {object} MavenPart
 * @property {string} coordinates  GROUP:ARTIFACT:VERSION:zip
 * @property {string} sha256       of the zip
 * @property {string} folder       what the zip holds
 * @property {string} program      inside the folder
 */

/** Programs for the JVM that lie ready to run in Maven's central repository. */
export const mavenParts = /** @satisfies {Record<string, MavenPart>} */ ({
  elasticsearch: {
    coordinates: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.2.4:zip",
    sha256: "af7b81fe31627c7523b2546351cd4e47310faa6a72c8db8dc8f7a191e871cfaf",
    folder: "elasticsearch-9.2.4",
    program: "bin/elasticsearch",
  },
  elasticsearch8: {
    coordinates: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.0:zip",
    sha256: "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
    folder: "elasticsearch-8.19.0",
    program: "bin/elasticsearch",
  },
  opensearch: {
    coordinates: "org.opensearch.distribution.integ-test-zip:opensearch:3.4.0:zip",
    sha256: "6540e95fe8bfaedc3eb1c58e829912ea2203af2ac1f88f76411c20a2fc5254a6",
    folder: "opensearch-3.4.0",
    program: "bin/opensearch",
  },
});

/**
 * @typedef {object} PythonPart
 * @property {string} folder   the folder here that holds the program and requirements.txt (pip-compile --generate-hashes)
 * @property {string} package  whose version is the part's version
 * @property {string} program  runs with the packages beside it
 */

/** Programs for Python with the packages that they need. */
export const pythonParts = /** @satisfies {Record<string, PythonPart>} */ ({
  "python-client": { folder: "python-client", package: "opentelemetry-sdk", program: "client.py" },
});

/** @typedef {keyof typeof goParts} GoPartName */
/** @typedef {keyof typeof mavenParts} MavenPartName */
/** @typedef {keyof typeof pythonParts} PythonPartName */
/** @typedef {GoPartName | MavenPartName | PythonPartName} MadePartName */
/** @typedef {MadePartName | "chromium"} PartName */

export const goPartNames = /** @type {readonly GoPartName[]} */ (Object.keys(goParts));
export const mavenPartNames = /** @type {readonly MavenPartName[]} */ (Object.keys(mavenParts));

export const pythonPartNames = /** @type {readonly PythonPartName[]} */ (Object.keys(pythonParts));

/** @param {string} name @returns {name is PythonPartName} */
export function isPythonPart(name) {
  return Object.hasOwn(pythonParts, name);
}

/** @param {string} name @returns {name is MavenPartName} */
export function isMavenPart(name) {
  return Object.hasOwn(mavenParts, name);
}

/** @param {string} version */
function kubernetesVariables(version) {
  const [major = "", minor = ""] = version.slice(1).split(".");
  return {
    [`${kubernetesVersion}.gitVersion`]: version,
    [`${kubernetesVersion}.gitMajor`]: major,
    [`${kubernetesVersion}.gitMinor`]: minor,
    [`${kubernetesVersion}.gitTreeState`]: "clean",
  };
}

/** Prometheus 3.14.0 is published as module v0.314.0. @param {string} version */
function prometheusVariables(version) {
  const [, packed = "", patch = ""] = version.split(".");
  return {
    "github.com/prometheus/common/version.Version": `${packed.slice(0, -2)}.${Number(packed.slice(-2))}.${patch}`,
  };
}

/** The cache, outside of every checkout. @param {NodeJS.ProcessEnv} [env] */
export function partsDir(env = process.env) {
  if (env["QUARTET_PARTS_DIR"]) return env["QUARTET_PARTS_DIR"];
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "quartet", "parts");
}

/**
 * Where a part lies: its program at `path` inside `dir`, a folder of the cache of which one version is one.
 * `reason` is a file beside it, holding why the last build or download failed.
 * @param {MadePartName} name
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ version: string, dir: string, path: string, reason: string }}
 */
export function locatePart(name, env = process.env) {
  if (isPythonPart(name)) return locatePythonPart(name, env);
  return isMavenPart(name) ? locateMavenPart(name, env) : locateGoPart(name, env);
}

/** `DIR/NAME@VERSION-HASH`, HASH covering the program and its requirements. @param {PythonPartName} name @param {NodeJS.ProcessEnv} env */
export function locatePythonPart(name, env = process.env) {
  const { folder, program, package: packageName } = pythonParts[name];
  const sourceDir = join(fileURLToPath(new URL(".", import.meta.url)), folder);
  const requirements = readFileSync(join(sourceDir, "requirements.txt"), "utf8");
  const line = requirements.split("\n").find((text) => text.startsWith(`${packageName}==`)) ?? "";
  const version = line.split("==")[1]?.split(" ")[0] ?? "";
  const hash = createHash("sha256");
  for (const text of [
    requirements,
    readFileSync(join(sourceDir, program), "utf8"),
    process.platform,
    process.arch,
  ])
    hash.update(text).update("\0");
  const dir = join(partsDir(env), `${name}@${version}-${hash.digest("hex").slice(0, 10)}`);
  return { version, sourceDir, dir, path: join(dir, program), reason: `${dir}.missing` };
}

/** `DIR/NAME@VERSION-HASH`, HASH being the zip's own. @param {MavenPartName} name @param {NodeJS.ProcessEnv} env */
function locateMavenPart(name, env) {
  const { coordinates, sha256, program } = mavenParts[name];
  const version = coordinates.split(":")[2] ?? "";
  const dir = join(partsDir(env), `${name}@${version}-${sha256.slice(0, 10)}`);
  return { version, dir, path: join(dir, program), reason: `${dir}.missing` };
}

/**
 * `DIR/NAME@VERSION-HASH/NAME`. HASH covers go.mod, go.sum, own sources, the flags and the machine's kind, so that a
 * changed module is built anew and two checkouts of different age can share the cache.
 * @param {GoPartName} name
 * @param {NodeJS.ProcessEnv} [env]
 */
export function locateGoPart(name, env = process.env) {
  /** @type {GoPart} */
  const part = goParts[name];
  const moduleDir = join(fileURLToPath(new URL(".", import.meta.url)), part.folder);
  const goMod = readFileSync(join(moduleDir, "go.mod"), "utf8");
  const goSum = readFileSync(join(moduleDir, "go.sum"), "utf8");
  const sources = (part.sources ?? []).map((file) => readFileSync(join(moduleDir, file), "utf8"));
  const version = versionOf(part.modulePath, goMod);
  const variables = part.variables?.(version) ?? {};
  const hash = createHash("sha256");
  const flags = JSON.stringify([part, variables]);
  for (const text of [goMod, goSum, ...sources, flags, process.platform, process.arch]) {
    hash.update(text).update("\0");
  }
  const dir = join(partsDir(env), `${name}@${version}-${hash.digest("hex").slice(0, 10)}`);
  const binary = process.platform === "win32" ? `${name}.exe` : name;
  return {
    name,
    version,
    variables,
    moduleDir,
    dir,
    binary,
    path: join(dir, binary),
    reason: `${dir}.missing`,
  };
}

/** @param {string} modulePath @param {string} goMod */
function versionOf(modulePath, goMod) {
  for (const line of goMod.split("\n")) {
    const [path, version] = line
      .replace(/^require /, "")
      .trim()
      .split(/\s+/);
    if (version?.startsWith("v") && (path === modulePath || path?.startsWith(`${modulePath}/`)))
      return version;
  }
  throw new Error(`test/parts: go.mod does not require ${modulePath}`);
}

const chromiumPaths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The browser's path: `$CHROMIUM` or a usual place; undefined when there is none. @param {NodeJS.ProcessEnv} [env] */
export function locateChromium(env = process.env) {
  return [env["CHROMIUM"], ...chromiumPaths].find((path) => path && existsSync(path));
}

/** Elasticsearch 9 and OpenSearch 3 want it. */
const javaVersionMin = 21;
const jvmFolders = ["/usr/lib/jvm", "/Library/Java/JavaVirtualMachines", "/opt/java"];

/**
 * The home of a JDK that is new enough: `$QUARTET_JAVA_HOME`, `$JAVA_HOME` or one in a usual place, the oldest that will do;
 * undefined when there is none. What `java` on the PATH is does not count: it is often an older one.
 * @param {NodeJS.ProcessEnv} [env]
 */
export function locateJdk(env = process.env) {
  const named = [env["QUARTET_JAVA_HOME"], env["JAVA_HOME"]].filter((home) => home !== undefined);
  const usual = jvmFolders
    .flatMap((folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []))
    .map((home) => (existsSync(join(home, "Contents", "Home")) ? join(home, "Contents", "Home") : home))
    .toSorted((one, other) => javaVersionOf(one) - javaVersionOf(other));
  return [...named, ...usual].find((home) => javaVersionOf(home) >= javaVersionMin);
}

/** The major version of a JDK by its own `release` file; 0 where there is none. @param {string} home */
function javaVersionOf(home) {
  const release = join(home, "release");
  if (!existsSync(release) || !existsSync(join(home, "bin"))) return 0;
  return Number(/^JAVA_VERSION="(\d+)/m.exec(readFileSync(release, "utf8"))?.[1] ?? 0);
}

export const jdkMissing = `no JDK ${javaVersionMin} or later was found (in ${jvmFolders.join(", ")}; or set QUARTET_JAVA_HOME)`;

export const chromiumInstall =
  "sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium";

/**
 * Why a part cannot be used, in one line; undefined when it can.
 * @param {PartName} name
 * @param {NodeJS.ProcessEnv} [env]
 */
export function missingReason(name, env = process.env) {
  if (name === "chromium") {
    return locateChromium(env)
      ? undefined
      : `no Chromium was found (install it with: ${chromiumInstall}, or set CHROMIUM)`;
  }
  const { path, reason } = locatePart(name, env);
  if (existsSync(path)) return isMavenPart(name) && locateJdk(env) === undefined ? jdkMissing : undefined;
  return existsSync(reason)
    ? readFileSync(reason, "utf8").trim()
    : "it was not built yet (run: node test/parts/build.mjs)";
}
