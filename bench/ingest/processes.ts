// The bench's own processes, whose CPU time is not counted: the load generator and the sink.
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadOrder, LoadReport, SinkCount, SinkReport } from "./messages.ts";

export interface Load extends Disposable {
  run(order: LoadOrder): Promise<LoadReport>;
}

export interface Sink extends Disposable {
  /** Without a path: append `/NAME`. */
  readonly url: string;
  count(name: string): Promise<SinkCount>;
}

export function startLoad(): Load {
  const child = start("load.ts");
  return {
    run: (order) => {
      const answer = nextMessage<LoadReport>(child);
      child.send(order);
      return answer;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

export async function startSink(): Promise<Sink> {
  const child = start("sink.ts");
  const { port } = await nextMessage<{ port: number }>(child);
  return {
    url: `http://127.0.0.1:${port}`,
    async count(name) {
      const answer = nextMessage<SinkReport>(child);
      child.send("report");
      return (await answer)[name] ?? { spans: 0, requests: 0 };
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

function start(file: string): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ["--conditions=quartet-source"],
  });
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null): void =>
      reject(new Error(`a process of the bench ended with ${code}`));
    child.once("message", (message) => {
      child.off("exit", fail);
      resolve(message as T);
    });
    child.once("exit", fail);
  });
}
