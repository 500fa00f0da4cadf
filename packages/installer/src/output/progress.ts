/** Lines that stay, and on a terminal one more below them that is written over. */
export interface Progress {
  /** One finished thing, without a line feed. */
  line(text: string): void;
  /**
   * What is being waited for. A terminal shows it on a line that the next call replaces; elsewhere it becomes a line of its
   * own, unless it is the same as before.
   */
  status(text: string): void;
  /** Takes the status line away. */
  end(): void;
}

export function createProgress(settings: {
  readonly stream: NodeJS.WritableStream;
  readonly isTty: boolean;
}): Progress {
  const { stream, isTty } = settings;
  let shown = "";
  let last = "";
  const clear = (): void => {
    if (shown !== "") stream.write("\r\u001b[K");
    shown = "";
  };
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    status(text) {
      if (text === last) return;
      last = text;
      if (!isTty) {
        stream.write(`${text}\n`);
        return;
      }
      clear();
      // A line that wrapped could not be written over.
      const { columns = 80 } = stream as { readonly columns?: number };
      shown = text.split("\n")[0]!.slice(0, Math.max(20, columns - 1));
      stream.write(shown);
    },
    end() {
      clear();
      last = "";
    },
  };
}
