import { createEndpoint, type Endpoint, type Shared } from "./endpoint.ts";
import { createLoki } from "./loki.ts";
import type { ForeignProtocol } from "./protocol.ts";
import { createRemoteWrite, type SeriesAppended } from "./remote-write.ts";

/** Protocols that come in on the API's port; whether a client may send there the API has asked already. */
export interface PushEndpoints {
  /** Prometheus remote write, at /api/v1/write. */
  readonly remoteWrite: Endpoint;
  /** At /loki/api/v1/push. */
  readonly loki: Endpoint;
}

export function createPushEndpoints(
  shared: Shared,
  { appendSeries }: { readonly appendSeries: (batch: Uint8Array) => Promise<SeriesAppended> },
): PushEndpoints {
  const { admitUnasked } = shared.admission;
  const open = (protocol: ForeignProtocol) => createEndpoint(protocol, admitUnasked, shared);
  return {
    remoteWrite: open(createRemoteWrite({ ...shared, appendSeries })),
    loki: open(createLoki(shared)),
  };
}
