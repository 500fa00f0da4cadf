import { InstallerError } from "../output/index.ts";
import type { ClusterClient } from "./client.ts";
import { discoverKinds, itemsOf, listInventory, listNamespace, type FoundObject } from "./inventory.ts";
import { claimKind, describeObject, objectPath, writtenKinds, type Kind } from "./kinds.ts";
import { mapConcurrently, refusalOf } from "./plan.ts";

export interface RemoveSettings {
  /** The main namespace, which names the installation. */
  readonly instance: string;
  /** Deletes claims, with their volumes, and the namespaces too. */
  readonly deletesData: boolean;
  readonly deadlineMs: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly onDeleted: (object: FoundObject) => void;
  /** Called when the number of objects that are still ending changes. */
  readonly onWaiting: (left: readonly FoundObject[]) => void;
}

/** What became of an installation. */
export interface Removal {
  readonly deleted: readonly FoundObject[];
  /** The data, and the namespace that claims cannot be without. */
  readonly kept: readonly FoundObject[];
  /** Objects that are not ours in a namespace that is ours: the namespace stays for them. */
  readonly foreign: readonly FoundObject[];
  /** Volumes whose class says `Retain`: the administrator's decision. */
  readonly retainedVolumes: readonly string[];
  /** What the last scan of every kind still found, besides `kept`. */
  readonly leftovers: readonly FoundObject[];
}

const pauseMs = 1_000;

/**
 * Deletes everything that carries the installation's labels, waits until it is gone and looks for leftovers in every kind.
 * Doing it again finds nothing and does nothing.
 * @throws InstallerError QUARTET_LEFTOVERS when something does not go before the deadline, QUARTET_CLUSTER_REFUSED
 */
export async function removeInstallation(client: ClusterClient, settings: RemoveSettings): Promise<Removal> {
  const { instance, deletesData } = settings;
  const kinds = await discoverKinds(client);
  const inventory = await listInventory(client, kinds, instance);
  const claims = inventory.filter(({ kind }) => kind === claimKind.kind);
  const namespaces = inventory.filter(({ kind }) => kind === "Namespace");
  const volumes = deletesData ? await volumesOf(client, claims) : [];
  const deleted: FoundObject[] = [];
  const drop = async (objects: readonly FoundObject[]): Promise<void> => {
    await mapConcurrently(objects, async (object) => {
      if (!(await deleteObject(client, object))) return;
      deleted.push(object);
      settings.onDeleted(object);
    });
  };

  // Pods first, those that others send to last: while they end they still flush, through Services and policies that are there.
  const tops = inventory.filter((object) => !isOwned(object));
  const pods = kinds.filter(({ kind }) => kind === "Pod");
  for (const isStorage of [false, true]) {
    const workloads = tops.filter((object) => isWorkload(object) && belongsToStorage(object) === isStorage);
    if (workloads.length === 0) continue;
    await drop(workloads);
    await waitUntilGone(client, pods, settings, (pod) => !isStorage && belongsToStorage(pod));
  }
  for (const kind of [...writtenKinds, ...(deletesData ? [claimKind] : [])]) {
    if (kind.kind === "Namespace") continue;
    await drop(tops.filter((object) => object.kind === kind.kind && !isWorkload(object)));
  }
  // Only kinds that there was something of, and pods: every other list would be empty each time.
  const waitedKinds = kinds.filter(
    ({ kind }) => kind === "Pod" || inventory.some((object) => object.kind === kind),
  );
  const staysMeanwhile = (object: FoundObject): boolean =>
    object.kind === "Namespace" || (!deletesData && object.kind === claimKind.kind);
  await waitUntilGone(client, waitedKinds, settings, staysMeanwhile);

  const keptNamespaces = new Set(deletesData ? [] : claims.map(({ metadata }) => metadata.namespace));
  const foreign: FoundObject[] = [];
  const endingNamespaces: FoundObject[] = [];
  for (const namespace of namespaces) {
    if (keptNamespaces.has(namespace.metadata.name)) continue;
    const strangers = await listStrangers(client, kinds, namespace.metadata.name, settings);
    foreign.push(...strangers);
    if (strangers.length === 0) endingNamespaces.push(namespace);
  }
  await drop(endingNamespaces);
  const ending = new Set(endingNamespaces.map(({ metadata }) => metadata.uid));
  await waitUntilGone(client, waitedKinds, settings, (object) =>
    object.kind === "Namespace" ? !ending.has(object.metadata.uid) : staysMeanwhile(object),
  );

  const retainedVolumes = await waitForVolumes(client, volumes, settings);
  const left = await listInventory(client, kinds, instance);
  const isKept = (object: FoundObject): boolean =>
    (!deletesData && object.kind === claimKind.kind) ||
    (object.kind === "Namespace" && keptNamespaces.has(object.metadata.name));
  const isHeld = (object: FoundObject): boolean =>
    object.kind === "Namespace" &&
    foreign.some(({ metadata }) => metadata.namespace === object.metadata.name);
  return {
    deleted,
    kept: left.filter(isKept),
    foreign,
    retainedVolumes,
    leftovers: left.filter((object) => !isKept(object) && !isHeld(object)),
  };
}

/** False when it is gone already. */
export async function deleteObject(client: ClusterClient, object: FoundObject): Promise<boolean> {
  const { uid } = object.metadata;
  const answer = await client.request({
    method: "DELETE",
    path: objectPath(object, object.metadata),
    // The uid: an object that somebody made anew under the same name is not the one that was listed.
    body: {
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: "Background",
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    },
  });
  if (answer.status === 404 || answer.status === 409) return false;
  if (answer.status === 200 || answer.status === 202) return true;
  throw new InstallerError(
    "QUARTET_CLUSTER_REFUSED",
    `cannot delete ${describeObject(object)}: ${refusalOf(answer).message}`,
  );
}

/** Waits until nothing but `stays` is left. What others own and what controllers made goes with its owner. */
async function waitUntilGone(
  client: ClusterClient,
  kinds: readonly Kind[],
  settings: RemoveSettings,
  stays: (object: FoundObject) => boolean,
): Promise<void> {
  let lastCount = -1;
  for (;;) {
    const left = (await listInventory(client, kinds, settings.instance)).filter((object) => !stays(object));
    if (left.length === 0) return;
    if (left.length !== lastCount) settings.onWaiting(left);
    lastCount = left.length;
    if (settings.nowMs() >= settings.deadlineMs) throw notGone(left);
    await settings.sleep(pauseMs);
  }
}

function notGone(left: readonly FoundObject[]): InstallerError {
  const shown = left.slice(0, 20).map((object) => {
    const since = object.metadata.deletionTimestamp;
    return `  ${describeObject(object)}${since === undefined ? "" : ` (being deleted since ${since})`}`;
  });
  const more = left.length > shown.length ? `\n  and ${left.length - shown.length} more` : "";
  return new InstallerError(
    "QUARTET_LEFTOVERS",
    `these did not go in time; look at their finalizers and run uninstall again:\n${shown.join("\n")}${more}`,
  );
}

/** Objects in a namespace that neither we nor the namespace's own controllers made. */
async function listStrangers(
  client: ClusterClient,
  kinds: readonly Kind[],
  namespace: string,
  { instance }: RemoveSettings,
): Promise<readonly FoundObject[]> {
  const all = await listNamespace(client, kinds, namespace);
  return all.filter(
    (object) =>
      !isOwned(object) &&
      !isMadeWithNamespace(object) &&
      object.metadata.deletionTimestamp === undefined &&
      object.metadata.labels?.["app.kubernetes.io/instance"] !== instance,
  );
}

/** Every namespace gets these from the controller manager. */
function isMadeWithNamespace({ kind, metadata }: FoundObject): boolean {
  return (
    (kind === "ServiceAccount" && metadata.name === "default") ||
    (kind === "ConfigMap" && metadata.name === "kube-root-ca.crt")
  );
}

function isWorkload({ apiVersion }: FoundObject): boolean {
  return apiVersion === "apps/v1";
}

function belongsToStorage({ metadata }: FoundObject): boolean {
  return metadata.labels?.["app.kubernetes.io/component"] === "elasticsearch";
}

function isOwned({ metadata }: FoundObject): boolean {
  return (metadata.ownerReferences ?? []).length > 0;
}

interface Volume {
  readonly name: string;
  readonly isRetained: boolean;
}

/** The volumes behind claims: they carry no label of ours. */
async function volumesOf(client: ClusterClient, claims: readonly FoundObject[]): Promise<readonly Volume[]> {
  if (claims.length === 0) return [];
  const answer = await client.request({ method: "GET", path: "/api/v1/persistentvolumes" });
  // Who may not see volumes leaves them to the storage class, which deletes them with their claims.
  if (answer.status !== 200) return [];
  const uids = new Set(claims.map(({ metadata }) => metadata.uid));
  return itemsOf(answer).flatMap((volume) => {
    const spec = volume["spec"] as {
      readonly claimRef?: { readonly uid?: string };
      readonly persistentVolumeReclaimPolicy?: string;
    };
    if (!uids.has(spec.claimRef?.uid)) return [];
    return [{ name: volume.metadata.name, isRetained: spec.persistentVolumeReclaimPolicy === "Retain" }];
  });
}

/** Waits for the volumes that go with their claims; returns the names of the others. */
async function waitForVolumes(
  client: ClusterClient,
  volumes: readonly Volume[],
  settings: RemoveSettings,
): Promise<readonly string[]> {
  for (const { name } of volumes.filter(({ isRetained }) => !isRetained)) {
    for (;;) {
      const answer = await client.request({ method: "GET", path: `/api/v1/persistentvolumes/${name}` });
      if (answer.status === 404) break;
      if (settings.nowMs() >= settings.deadlineMs) {
        throw new InstallerError(
          "QUARTET_LEFTOVERS",
          `PersistentVolume ${name} did not go in time; its provisioner's events say why`,
        );
      }
      await settings.sleep(pauseMs);
    }
  }
  return volumes.filter(({ isRetained }) => isRetained).map(({ name }) => name);
}
