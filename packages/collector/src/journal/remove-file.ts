import { open, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { oneAtATime } from "./one-at-a-time.ts";

const stepSizeBytes = 4 * 1024 * 1024;
/** Pauses so many times as long as the step before them. */
const pauseShare = 4;

/**
 * Removes a file that nobody reads any more, one after another and each in steps. Its name is gone at once.
 * Where the disk is told of what is free (ext4's `discard`), freeing 64 MiB takes 25 ms in which nothing else is written.
 */
export const removeInSteps: (path: string) => Promise<void> = oneAtATime(async (path) => {
  await using file = await open(path, "r+");
  await unlink(path);
  const { size } = await file.stat();
  for (let sizeBytes = size - stepSizeBytes; sizeBytes > 0; sizeBytes -= stepSizeBytes) {
    const beganMs = performance.now();
    try {
      await file.truncate(sizeBytes);
    } catch {
      // Closing frees what is left.
      return;
    }
    await sleep(pauseShare * (performance.now() - beganMs));
  }
});

/** Removes a file, one after another: several at once would leave no thread of Node's pool to write with. */
export const removeAtOnce: (path: string) => Promise<void> = oneAtATime(unlink);
