import { createEndpoint, type Endpoint, type Shared } from "./endpoint.ts";
import { createRemoteWrite, type SeriesAppended } from "./remote-write.ts";

/** Protocols that come in on the API's port; whether a client may send there the API has asked already. */
export interface PushEndpoints {
  /** Prometheus remote write, at /api/v1/write. */
  readonly remoteWrite: Endpoint;
}

export function createPushEndpoints(
  shared: Shared,
  { appendSeries }: { readonly appendSeries: (batch: Uint8Array) => Promise<SeriesAppended> },
): PushEndpoints {
  const { admitUnasked } = shared.admission;
  return {
    remoteWrite: createEndpoint(createRemoteWrite({ ...shared, appendSeries }), admitUnasked, shared),
  };
}
