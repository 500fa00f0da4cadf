import { describe, expect, test } from "vitest";
import { buildManifest, isWorkload } from "./manifest.ts";
import { inventoryLabels } from "./names.ts";
import { settingsDefault, settingsFull, testContext } from "./test-context.ts";
import type { InitContainer, Manifest, Workload } from "./types.ts";

type OfKind<K extends Manifest["kind"]> = Extract<Manifest, { kind: K }>;

describe.each([settingsDefault, settingsFull])("in the namespace $namespace", (settings) => {
  const objects = buildManifest(testContext(settings)).flatMap((wave) => wave.objects);
  const workloads = objects.filter(isWorkload);
  const ofKind = <K extends Manifest["kind"]>(kind: K): readonly OfKind<K>[] =>
    objects.filter((object): object is OfKind<K> => object.kind === kind);
  const find = <K extends Manifest["kind"]>(kind: K, namespace: string | undefined, name: string) =>
    ofKind(kind).find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);

  test("a Service's ports lead to ports of the pods it selects", () => {
    const services = ofKind("Service");
    expect(services).toHaveLength(5);
    for (const { metadata, spec } of services) {
      const selected = workloads.filter(
        (workload) =>
          workload.metadata.namespace === metadata.namespace && isSelected(spec.selector, workload),
      );
      expect([metadata.name, selected.length]).toEqual([metadata.name, 1]);
      const containers = selected.flatMap((workload) => workload.spec.template.spec.containers);
      const served = containers
        .flatMap((container) => container.ports)
        .map(({ name, containerPort }) => [name, containerPort]);
      for (const port of spec.ports) expect(served).toContainEqual([port.targetPort, port.port]);
    }
  });

  test("a probe aims at a named port, and liveness is not readiness", () => {
    for (const container of workloads.flatMap(({ spec }) => spec.template.spec.containers)) {
      const names = container.ports.map(({ name }) => name);
      const { startupProbe, readinessProbe, livenessProbe } = container;
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        if (probe === undefined) continue;
        expect(names).toContain((probe.httpGet ?? probe.tcpSocket)?.port);
        // A kubelet begins the next attempt only after this one.
        expect(probe.timeoutSeconds).toBeLessThanOrEqual(probe.periodSeconds);
      }
      expect(JSON.stringify(livenessProbe)).not.toBe(JSON.stringify(readinessProbe));
      // A pod that is slow is taken out of its Service long before it is killed.
      expect(livenessProbe.periodSeconds * livenessProbe.failureThreshold).toBeGreaterThan(
        2 * readinessProbe.periodSeconds * readinessProbe.failureThreshold,
      );
    }
  });

  test("port names are what Kubernetes allows", () => {
    for (const { ports } of workloads.flatMap(({ spec }) => spec.template.spec.containers)) {
      for (const { name } of ports) expect(name).toMatch(/^[a-z0-9-]{1,15}$/);
    }
  });

  test("what a pod mounts or reads is rendered, in its namespace, with that key", () => {
    for (const workload of workloads) {
      const { namespace } = workload.metadata;
      const { spec } = workload.spec.template;
      const claims = workload.kind === "StatefulSet" ? workload.spec.volumeClaimTemplates : [];
      const volumes = new Map<string, Readonly<Record<string, unknown>> | undefined>(
        claims.map(({ metadata }) => [metadata.name, undefined]),
      );
      for (const { name, configMap, secret } of spec.volumes) {
        volumes.set(name, undefined);
        if (configMap !== undefined) volumes.set(name, find("ConfigMap", namespace, configMap.name)!.data);
        if (secret !== undefined) volumes.set(name, find("Secret", namespace, secret.secretName)!.data);
      }
      expect(find("ServiceAccount", namespace, spec.serviceAccountName)).toBeDefined();
      for (const container of containersOf(workload)) {
        for (const { name, subPath } of container.volumeMounts) {
          expect([...volumes.keys()]).toContain(name);
          if (subPath !== undefined) expect(Object.keys(volumes.get(name) ?? {})).toContain(subPath);
        }
        for (const { valueFrom } of container.env ?? []) {
          if (valueFrom === undefined) continue;
          const { name, key } = valueFrom.secretKeyRef;
          expect(Object.keys(find("Secret", namespace, name)?.data ?? {})).toContain(key);
        }
      }
      const mounted = containersOf(workload).flatMap(({ volumeMounts }) =>
        volumeMounts.map(({ name }) => name),
      );
      expect([...volumes.keys()].filter((name) => !mounted.includes(name))).toEqual([]);
    }
  });

  test("only what asks the API server gets a token for it", () => {
    const withToken = workloads
      .filter(({ spec }) => spec.template.spec.automountServiceAccountToken)
      .map(({ metadata }) => metadata.name);
    const bound = ofKind("ClusterRoleBinding").flatMap(({ subjects }) => subjects.map(({ name }) => name));
    expect(withToken.sort()).toEqual([...bound].sort());
  });

  test("roles hold no wildcard and read nothing but pods and namespaces", () => {
    for (const { rules } of ofKind("ClusterRole")) {
      for (const rule of rules) {
        expect(["pods", "namespaces"]).toEqual(expect.arrayContaining([...rule.resources]));
        expect(["get", "list", "watch"]).toEqual(expect.arrayContaining([...rule.verbs]));
      }
    }
  });

  test("images have a tag that is no moving one", () => {
    for (const { image } of workloads.flatMap(containersOf)) {
      expect(image).toMatch(/^[^\s:]+(:\d+)?\/[^\s:]+:v?\d[\w.-]*$/);
    }
  });

  test("every container has requests and limits, and memory never exceeds its limit", () => {
    for (const { resources } of workloads.flatMap(containersOf)) {
      expect(bytesOf(resources.requests.memory)).toBeLessThanOrEqual(bytesOf(resources.limits.memory));
      expect(cpusOf(resources.requests.cpu)).toBeLessThanOrEqual(cpusOf(resources.limits.cpu));
    }
  });

  test("selectors and claims hold no label that a new version changes", () => {
    const render = (version: string): readonly Workload[] =>
      buildManifest(testContext({ ...settings, version, collectorImage: `x/y:${version}` }))
        .flatMap((wave) => wave.objects)
        .filter(isWorkload);
    const frozen = (workload: Workload): unknown => ({
      selector: workload.spec.selector,
      claims: workload.kind === "StatefulSet" ? workload.spec.volumeClaimTemplates : [],
      serviceName: workload.kind === "StatefulSet" ? workload.spec.serviceName : "",
    });
    expect(render("9.9.9").map(frozen)).toEqual(render("1.0.0").map(frozen));
    for (const workload of workloads)
      expect(isSelected(workload.spec.selector.matchLabels!, workload)).toBe(true);
  });

  test("every object and every pod carries the labels of the inventory", () => {
    const labelled = [...objects, ...workloads.map(({ spec }) => spec.template)];
    for (const { metadata } of labelled) {
      expect(metadata.labels).toMatchObject(inventoryLabels(settings.namespace));
    }
  });

  test("every pod is denied everything by one policy and allowed its own by another", () => {
    const policies = ofKind("NetworkPolicy");
    for (const workload of workloads) {
      const selecting = policies.filter(
        ({ metadata, spec }) =>
          metadata.namespace === workload.metadata.namespace &&
          isSelected(spec.podSelector.matchLabels!, workload),
      );
      expect(selecting.map(({ metadata }) => metadata.name).sort()).toEqual(
        ["quartet-default-deny", workload.metadata.name].sort(),
      );
      for (const { spec } of selecting) expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
    }
  });

  test("what one policy lets out to a component, that component's policy lets in", () => {
    const policies = ofKind("NetworkPolicy");
    const edges: string[] = [];
    for (const { metadata, spec } of policies) {
      for (const { to = [], ports = [] } of spec.egress ?? []) {
        for (const peer of to.filter(({ podSelector }) => podSelector !== undefined)) {
          const target = policies.find((policy) =>
            sameLabels(policy.spec.podSelector.matchLabels, peer.podSelector!.matchLabels),
          )!;
          const own = spec.podSelector.matchLabels;
          const isLetIn = (target.spec.ingress ?? []).some(
            (rule) =>
              ports.every(({ port }) => rule.ports?.some((open) => open.port === port)) &&
              rule.from?.some(
                ({ podSelector }) => podSelector === undefined || sameLabels(podSelector.matchLabels, own),
              ),
          );
          edges.push(`${metadata.name} → ${target.metadata.name}: ${isLetIn}`);
        }
      }
    }
    expect(edges.sort()).toEqual([
      "quartet-collector → quartet-jaeger: true",
      "quartet-collector → quartet-prometheus: true",
      "quartet-fluent-bit → quartet-elasticsearch: true",
      "quartet-jaeger → quartet-elasticsearch: true",
      "quartet-kibana → quartet-elasticsearch: true",
    ]);
  });

  test("an annotation for Prometheus names a port that the policy opens to it", () => {
    for (const { metadata, spec } of workloads) {
      const port = spec.template.metadata.annotations?.["prometheus.io/port"];
      if (port === undefined) continue;
      const policy = find("NetworkPolicy", metadata.namespace, metadata.name)!;
      const open = (policy.spec.ingress ?? []).flatMap(({ ports }) => ports ?? []).map((one) => one.port);
      expect(open).toContain(Number(port));
      expect(
        spec.template.spec.containers.flatMap(({ ports }) => ports).map(({ containerPort }) => containerPort),
      ).toContain(Number(port));
    }
  });
});

function containersOf({ spec }: Workload): readonly InitContainer[] {
  const { initContainers = [], containers } = spec.template.spec;
  return [...initContainers, ...containers];
}

function isSelected(selector: Readonly<Record<string, string>>, workload: Workload): boolean {
  return Object.entries(selector).every(
    ([key, value]) => workload.spec.template.metadata.labels[key] === value,
  );
}

function sameLabels(
  left: Readonly<Record<string, string>> | undefined,
  right: Readonly<Record<string, string>> | undefined,
): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity)!;
  return Number(number) * (unit === "Gi" ? 1024 : 1);
}

function cpusOf(quantity: string): number {
  return quantity.endsWith("m") ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
}
