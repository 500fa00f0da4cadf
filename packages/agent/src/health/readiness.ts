import { channel } from "node:diagnostics_channel";
import type { Server } from "node:net";

/** What /readyz answers. */
export type ReadinessState = "starting" | "ready" | "stopping";

export interface Readiness {
  state(): ReadinessState;
  start(): void;
  /** The service has been told to end: from now on nobody should send it work. */
  readonly stopping: () => void;
  stop(): void;
}

export interface ReadinessSettings {
  /** The agent's own server does not make the service ready. */
  readonly isOwn: (server: Server) => boolean;
  /** A service that listens nowhere (a consumer of a queue) is ready after this time. */
  readonly assumeReadyAfterMs: number;
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
}

/** Ready once a server of the service listens, so that nobody sends it requests before it can take them. */
export function createReadiness({ isOwn, assumeReadyAfterMs, setTimer }: ReadinessSettings): Readiness {
  let state: ReadinessState = "starting";
  let cancel = (): void => {};
  const source = channel("tracing:net.server.listen:asyncEnd");

  const becomeReady = (): void => {
    if (state === "starting") state = "ready";
    cancel();
    source.unsubscribe(onListening);
  };
  const onListening = (message: unknown): void => {
    const { server, error } = message as { server?: Server; error?: unknown };
    if (server !== undefined && error === undefined && !isOwn(server)) becomeReady();
  };
  return {
    state: () => state,
    start() {
      source.subscribe(onListening);
      cancel = setTimer(becomeReady, assumeReadyAfterMs);
    },
    stopping() {
      state = "stopping";
    },
    stop() {
      cancel();
      source.unsubscribe(onListening);
    },
  };
}
