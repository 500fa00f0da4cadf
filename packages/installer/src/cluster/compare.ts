/** An object as the API server returns it. */
export interface LiveObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly Readonly<Record<string, unknown>>[];
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly [key: string]: unknown;
}

/**
 * Whether an apply would write: its dry run differs from what is there. Left out is what changes by itself (status, versions,
 * times); who owns a field counts, as gaining one is a write too.
 */
export function isChanged(live: LiveObject, dryRun: LiveObject): boolean {
  return canonical(reduce(live)) !== canonical(reduce(dryRun));
}

function reduce(object: LiveObject): Readonly<Record<string, unknown>> {
  const { status: _status, metadata, ...rest } = object;
  const { resourceVersion: _version, generation: _generation, managedFields, ...meta } = metadata;
  // A controller's own entries come and go with the status.
  const owned = (managedFields ?? [])
    .filter((entry) => entry["subresource"] === undefined)
    .map(({ time: _time, ...entry }) => entry);
  return { ...rest, metadata: { ...meta, managedFields: owned } };
}

/** JSON with sorted keys: equal for equal values. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, child: unknown) =>
    typeof child === "object" && child !== null && !Array.isArray(child)
      ? Object.fromEntries(Object.entries(child).sort(([left], [right]) => (left < right ? -1 : 1)))
      : child,
  );
}
