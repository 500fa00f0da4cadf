import { runProcess, type ProcessExit } from "../support/index.ts";
import { partPath } from "./present.ts";

export type SdkClientName = "go-client" | "python-client";

export interface SdkClientRun {
  readonly protocol: "http" | "grpc";
  /** host:port. */
  readonly endpoint: string;
  readonly service: string;
  readonly spanCount: number;
  readonly logCount: number;
  /** Data points of a counter; a histogram with one more comes along. */
  readonly counterCount: number;
}

/** Runs a program with OpenTelemetry's SDK for another language, which sends what it is told, compressed with gzip, and ends. */
export function runSdkClient(
  name: SdkClientName,
  run: SdkClientRun,
): Promise<ProcessExit & { readonly stdout: string; readonly stderr: string }> {
  const { protocol, endpoint, service, spanCount, logCount, counterCount } = run;
  const args = [protocol, endpoint, service, ...[spanCount, logCount, counterCount].map(String)];
  const path = partPath(name);
  const program =
    name === "python-client" ? { command: "python3", args: [path, ...args] } : { command: path, args };
  return runProcess({ name, ...program, deadlineMs: 120_000 });
}
