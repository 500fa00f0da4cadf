import type { Socket } from "node:net";
import type { Clock } from "../model/index.ts";

interface PeekSettings {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Whether these bytes say what the connection speaks. */
  readonly isEnough: (bytes: Buffer) => boolean;
  /** The bytes are back in the socket, which is paused. */
  readonly onDecided: (bytes: Buffer) => void;
  /** The connection is cut off. */
  readonly onSilent: () => void;
}

/** Looks at the first bytes of a connection without taking them; one that ends or fails before is destroyed. */
export function peek(
  socket: Socket,
  { clock, timeoutMs, isEnough, onDecided, onSilent }: PeekSettings,
): void {
  const cancel = clock.setTimer(() => {
    onSilent();
    socket.destroy();
  }, timeoutMs);
  // The bytes are held here until they decide: given back to the stream they would come again at once, and again.
  const held: Buffer[] = [];
  const leave = () => {
    cancel();
    socket.off("data", take).off("end", abandon).off("error", abandon).off("close", cancel);
  };
  const abandon = () => {
    leave();
    socket.destroy();
  };
  const take = (chunk: Buffer) => {
    held.push(chunk);
    const bytes = held.length === 1 ? chunk : Buffer.concat(held);
    if (!isEnough(bytes)) return;
    leave();
    socket.pause();
    socket.unshift(bytes);
    onDecided(bytes);
  };
  socket.on("data", take).on("end", abandon).on("error", abandon).on("close", cancel);
}
