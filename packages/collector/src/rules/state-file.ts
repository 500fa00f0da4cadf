import { mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** A file that is replaced as a whole. */
export interface StateFile {
  /** The text, or undefined when there is no file yet. */
  read(): string | undefined;
  /**
   * Resolves when a text built after this call is on disk. Calls that come while a write is under way share the next one.
   * Rejects when the disk refuses; the file that was there before is still whole then.
   */
  write(): Promise<void>;
  /** Resolves when no write is under way. */
  idle(): Promise<void>;
}

/**
 * Opens a state file; its folder is made when it is missing.
 * @param build the text to write, called once a write
 */
export function openStateFile(path: string, build: () => string): StateFile {
  mkdirSync(dirname(path), { recursive: true });
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function replace(): Promise<void> {
    const temporary = `${path}.new`;
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(build());
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    // Without this the new name itself may be lost with the power. Windows cannot open a folder, and needs no sync of it.
    if (process.platform === "win32") return;
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  function begin(): Promise<void> {
    const write = replace().finally(() => {
      running = undefined;
    });
    running = write;
    return write;
  }

  return {
    read() {
      try {
        return readFileSync(path, "utf8");
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw cause;
      }
    },
    write() {
      if (running === undefined) return begin();
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          return begin();
        });
      return next;
    },
    async idle() {
      for (let write = next ?? running; write !== undefined; write = next ?? running) {
        await write.catch(() => undefined);
      }
    },
  };
}
