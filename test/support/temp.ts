import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const open = new Set<string>();

export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** Removes the folder and all in it; a second call does nothing. */
  remove(): Promise<void>;
}

/**
 * Makes an empty folder under the system's temporary folder.
 * Whoever opens it removes it (`await using` does); what is left when the process exits is removed then.
 */
export async function openTempDir(label = "test"): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), `quartet-${label}-`));
  if (open.size === 0) process.once("exit", removeLeftOvers);
  open.add(path);
  const remove = async (): Promise<void> => {
    if (!open.has(path)) return;
    // A program that is just ending may still create a file while its folder is being emptied.
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    open.delete(path);
    if (open.size === 0) process.off("exit", removeLeftOvers);
  };
  return { path, remove, [Symbol.asyncDispose]: remove };
}

function removeLeftOvers(): void {
  for (const path of open) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
