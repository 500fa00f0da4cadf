import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { decodeSeriesBatch } from "../../otlp/index.ts";
import type { SeriesWrite } from "../../model/index.ts";
import { open, type Opened } from "../open.test-kit.ts";
import { createPushEndpoints, type PushEndpoints } from "./endpoints.ts";
import type { SeriesAppended } from "./remote-write.ts";

export interface OpenedPush extends Omit<Opened, "url"> {
  /** Base address of the push endpoints. */
  readonly url: string;
  /** What was handed on to the `series` stream, batch by batch. */
  readonly series: (readonly SeriesWrite[])[];
}

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    ),
  );
});

/** The push endpoints of a receiver on a plain server of their own, at the paths that the API gives them. */
export async function openPush(
  settings: Parameters<typeof open>[0] & {
    readonly appendSeries?: (writes: readonly SeriesWrite[]) => Promise<Partial<SeriesAppended>>;
  } = {},
): Promise<OpenedPush> {
  const { appendSeries, ...receiverSettings } = settings;
  const opened = await open(receiverSettings);
  const series: (readonly SeriesWrite[])[] = [];
  const endpoints: PushEndpoints = createPushEndpoints(opened.receiver.shared, {
    async appendSeries(batch) {
      const writes = decodeSeriesBatch(batch);
      const told = await appendSeries?.(writes);
      series.push(writes);
      const sum = (count: (write: SeriesWrite) => number) =>
        writes.reduce((total, write) => total + count(write), 0);
      return {
        samples: sum((write) => write.samples.length),
        histograms: sum((write) => write.histograms?.length ?? 0),
        exemplars: sum((write) => write.exemplars.length),
        refused: new Map(),
        ...told,
      };
    },
  });
  const server = createServer((request, response) => {
    if (request.url === "/api/v1/write") void endpoints.remoteWrite(request, response);
    else if (request.url === "/loki/api/v1/push") void endpoints.loki(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return { ...opened, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, series };
}
