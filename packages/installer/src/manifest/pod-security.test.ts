import { describe, expect, test } from "vitest";
import { buildManifest, isWorkload } from "./manifest.ts";
import { settingsDefault, settingsFull, testContext } from "./test-context.ts";

/** What the checks below read of a pod; wider than types.ts, so that they find what that type rules out. */
interface AnyPod {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: AnySecurityContext & { readonly sysctls?: readonly { readonly name: string }[] };
  readonly containers: readonly AnyContainer[];
  readonly initContainers?: readonly AnyContainer[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
}

interface AnySecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seccompProfile?: { readonly type: string };
}

interface AnyContainer {
  readonly name: string;
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly securityContext?: AnySecurityContext & {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly procMount?: string;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
  readonly [probeOrHook: string]: unknown;
}

const volumeKinds = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const safeSysctls = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const probesAndHooks = ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle"];

/** Every control of the restricted standard that a pod breaks. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
function brokenControls(pod: AnyPod): readonly string[] {
  const broken: string[] = [];
  const check = (isKept: boolean, control: string): void => {
    if (!isKept) broken.push(control);
  };
  check(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, "host namespaces");
  for (const { name } of pod.securityContext?.sysctls ?? [])
    check(safeSysctls.includes(name), `sysctl ${name}`);
  for (const volume of pod.volumes ?? []) {
    const kinds = Object.keys(volume).filter((key) => key !== "name");
    for (const kind of kinds) check(volumeKinds.includes(kind), `volume ${kind}`);
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const own = container.securityContext ?? {};
    const at = (control: string): string => `${container.name}: ${control}`;
    check(own.privileged !== true, at("privileged"));
    check(own.allowPrivilegeEscalation === false, at("allowPrivilegeEscalation"));
    check(own.procMount === undefined || own.procMount === "Default", at("procMount"));
    check((own.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) === true, at("runAsNonRoot"));
    check((own.runAsUser ?? pod.securityContext?.runAsUser) !== 0, at("runAsUser"));
    const seccomp = (own.seccompProfile ?? pod.securityContext?.seccompProfile)?.type;
    check(seccomp === "RuntimeDefault" || seccomp === "Localhost", at("seccompProfile"));
    check(own.capabilities?.drop?.includes("ALL") === true, at("capabilities.drop"));
    for (const added of own.capabilities?.add ?? []) {
      check(added === "NET_BIND_SERVICE", at(`capability ${added}`));
    }
    check(
      (container.ports ?? []).every(({ hostPort }) => (hostPort ?? 0) === 0),
      at("hostPort"),
    );
    // Since 1.34 a probe or hook may not aim at another host.
    const aims = JSON.stringify(probesAndHooks.map((key) => container[key] ?? null));
    check(!aims.includes('"host":'), at("probe host"));
  }
  return broken;
}

const goodContainer: AnyContainer = {
  name: "one",
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
};
const good: AnyPod = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  containers: [goodContainer],
};

/** The good pod with something else in its container's security context. */
function withSecurity(change: Readonly<Record<string, unknown>>): AnyPod {
  return {
    ...good,
    containers: [{ ...goodContainer, securityContext: { ...goodContainer.securityContext, ...change } }],
  };
}

describe("the checks of the restricted standard", () => {
  test("pass a good pod", () => {
    expect(brokenControls(good)).toEqual([]);
  });

  test.each<[string, AnyPod]>([
    ["host namespaces", { ...good, hostNetwork: true }],
    ["host namespaces", { ...good, hostPID: true }],
    ["host namespaces", { ...good, hostIPC: true }],
    ["volume hostPath", { ...good, volumes: [{ name: "v", hostPath: { path: "/" } }] }],
    ["volume nfs", { ...good, volumes: [{ name: "v", nfs: {} }] }],
    [
      "sysctl kernel.msgmax",
      { ...good, securityContext: { ...good.securityContext, sysctls: [{ name: "kernel.msgmax" }] } },
    ],
    ["one: privileged", withSecurity({ privileged: true })],
    ["one: allowPrivilegeEscalation", withSecurity({ allowPrivilegeEscalation: undefined })],
    ["one: procMount", withSecurity({ procMount: "Unmasked" })],
    ["one: runAsNonRoot", withSecurity({ runAsNonRoot: false })],
    ["one: runAsUser", withSecurity({ runAsUser: 0 })],
    ["one: seccompProfile", withSecurity({ seccompProfile: { type: "Unconfined" } })],
    ["one: seccompProfile", { ...good, securityContext: { runAsNonRoot: true, runAsUser: 1 } }],
    ["one: capabilities.drop", withSecurity({ capabilities: { drop: ["NET_RAW"] } })],
    ["one: capability SYS_ADMIN", withSecurity({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } })],
    ["one: hostPort", { ...good, containers: [{ ...goodContainer, ports: [{ hostPort: 80 }] }] }],
    [
      "one: probe host",
      { ...good, containers: [{ ...goodContainer, livenessProbe: { httpGet: { host: "x" } } }] },
    ],
    [
      "two: allowPrivilegeEscalation",
      {
        ...good,
        initContainers: [{ name: "two", securityContext: { capabilities: { drop: ["ALL"] } } }],
      },
    ],
  ])("find %s", (control, pod) => {
    expect(brokenControls(pod)).toEqual([control]);
  });
});

describe.each([settingsDefault, settingsFull])("in the namespace $namespace", (settings) => {
  const objects = buildManifest(testContext(settings)).flatMap((wave) => wave.objects);

  test("every pod keeps the restricted standard, but for Fluent Bit's exceptions", () => {
    const broken = objects
      .filter(isWorkload)
      .map(
        ({ metadata, spec }) =>
          [metadata.name, brokenControls(spec.template.spec as unknown as AnyPod)] as const,
      )
      .filter(([, controls]) => controls.length > 0);
    expect(Object.fromEntries(broken)).toEqual({
      "quartet-fluent-bit": [
        "volume hostPath",
        "fluent-bit: runAsNonRoot",
        "fluent-bit: runAsUser",
        "fluent-bit: capability DAC_READ_SEARCH",
      ],
    });
  });

  test("the namespace of every pod but Fluent Bit's enforces it", () => {
    const levels = Object.fromEntries(
      objects
        .filter(({ kind }) => kind === "Namespace")
        .map(({ metadata }) => [metadata.name, metadata.labels["pod-security.kubernetes.io/enforce"]]),
    );
    expect(levels).toEqual({
      [settings.namespace]: "restricted",
      [`${settings.namespace}-node`]: "privileged",
    });
    const inside = objects.filter(isWorkload).map(({ metadata }) => [metadata.name, metadata.namespace]);
    expect(inside.filter(([, namespace]) => namespace !== settings.namespace)).toEqual([
      ["quartet-fluent-bit", `${settings.namespace}-node`],
    ]);
  });
});
