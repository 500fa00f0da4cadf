// Where the time goes: the CPU profiles of all threads, by folder and by function.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Share of the samples that were not idle, largest first. */
export interface ProfileSummary {
  readonly byPlace: readonly (readonly [string, number])[];
  readonly byFunction: readonly (readonly [string, number])[];
}

const idle = new Set(["(idle)", "(root)"]);
const functionCount = 15;

export function summarizeProfiles(dir: string): ProfileSummary {
  const byPlace = new Map<string, number>();
  const byFunction = new Map<string, number>();
  for (const file of readdirSync(dir)) {
    const profile = JSON.parse(readFileSync(join(dir, file), "utf8")) as CpuProfile;
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    for (const [index, id] of profile.samples.entries()) {
      const { functionName, url, lineNumber } = frames.get(id)!;
      if (idle.has(functionName)) continue;
      const micros = profile.timeDeltas[index]!;
      const place = placeOf(functionName, url);
      add(byPlace, place, micros);
      add(byFunction, `${place}: ${functionName || "(anonymous)"}${url ? `:${lineNumber + 1}` : ""}`, micros);
    }
  }
  const total = [...byPlace.values()].reduce((sum, micros) => sum + micros, 0);
  const shares = (counts: ReadonlyMap<string, number>): [string, number][] =>
    [...counts]
      .map(([name, micros]): [string, number] => [name, micros / total])
      .toSorted((a, b) => b[1] - a[1]);
  return { byPlace: shares(byPlace), byFunction: shares(byFunction).slice(0, functionCount) };
}

/** Our folder, Node's module, the package, or what the engine says of itself. */
function placeOf(functionName: string, url: string): string {
  const own = /\/dist\/([^/]+?)(?:\.js|\/([^/]+)\.js)$/.exec(url);
  if (own !== null && !url.includes("/node_modules/"))
    return own[2] === undefined ? own[1]! : `${own[1]}/${own[2]}`;
  if (url.startsWith("node:")) return url;
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  return functionName === "(garbage collector)" ? "garbage collection" : "native code";
}

function add(counts: Map<string, number>, name: string, micros: number): void {
  counts.set(name, (counts.get(name) ?? 0) + micros);
}
