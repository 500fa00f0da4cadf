import { join } from "node:path";
import { createBlockKeeper, type BlockKeeper, type BlockKeeperSettings } from "./block-keeper.ts";
import type { Clock, Queryable } from "./model/index.ts";
import {
  openSeriesStream,
  type SeriesPlace,
  type SeriesStream,
  type SeriesStreamSettings,
} from "./series-stream.ts";
import {
  createBlocksHandle,
  createHead,
  listBlocks,
  openStoreReader,
  refuseNewerBlocks,
  removeLeftovers,
  restoreSnapshot,
  type BlockRetention,
  type BlocksHandle,
  type HeadHandle,
  type HeadReader,
  type HeadSettings,
  type HeadWriter,
} from "./store/index.ts";
import type { Log, Telemetry } from "./telemetry/index.ts";

/** What other threads read the store with. */
export interface StoreHandles {
  readonly head: HeadHandle;
  readonly blocks: BlocksHandle;
}

/** The store as it stands after a start: filled, with its stream open. */
export interface OpenStore {
  readonly head: HeadWriter & HeadReader;
  readonly handles: StoreHandles;
  /** Blocks and head. */
  readonly queryable: Queryable;
  readonly series: SeriesStream;
  /** Not started yet. */
  readonly keeper: BlockKeeper;
}

interface StoreSettings
  extends
    Omit<SeriesStreamSettings, "head" | "filledTo">,
    Omit<HeadSettings, "retentionMs">,
    Pick<BlockKeeperSettings, "snapshotBytes" | "apart"> {
  readonly dataDir: string;
  readonly retention: BlockRetention;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/**
 * Fills the head from its last snapshot and the stream behind that. Blocks have what is older.
 * @throws CollectorError QUARTET_STATE_INVALID when a newer version wrote a block or the snapshot.
 */
export async function openStore(settings: StoreSettings): Promise<OpenStore> {
  const { dataDir, retention, log } = settings;
  const blocks = createBlocksHandle(join(dataDir, "blocks"));
  refuseNewerBlocks(blocks.dir);
  removeLeftovers(blocks.dir);
  const head = createHead({ ...settings, retentionMs: retention.retentionMs });
  const lastBlock = listBlocks(blocks.dir).at(-1);
  if (lastBlock !== undefined) head.closeBefore(lastBlock.endMs);
  const filledTo = restoreSnapshot(head, blocks.dir, log) as SeriesPlace | undefined;
  const series = await openSeriesStream({
    ...settings,
    head,
    ...(filledTo === undefined ? {} : { filledTo }),
  });
  return {
    head,
    handles: { head: head.handle(), blocks },
    queryable: openStoreReader(head, blocks, log),
    series,
    keeper: createBlockKeeper({ ...settings, head, blocks, stream: series }),
  };
}
