import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guardFolder } from "./guardian.ts";

export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** Removes the folder and all in it; a second call does nothing. */
  remove(): Promise<void>;
}

/**
 * Makes an empty folder under the system's temporary folder.
 * Whoever opens it removes it (`await using` does); what is left when the process ends, however it ends, is removed then.
 */
export async function openTempDir(label = "test"): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), `quartet-${label}-`));
  const release = guardFolder(path);
  let isOpen = true;
  const remove = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    // A program that is just ending may still create a file while its folder is being emptied.
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    release();
  };
  return { path, remove, [Symbol.asyncDispose]: remove };
}
