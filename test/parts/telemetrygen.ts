import { runProcess, type ProcessExit } from "../support/index.ts";
import { partPath } from "./present.ts";

/**
 * Runs telemetrygen to its end, e.g. `["traces", "--otlp-http", "--otlp-insecure", "--otlp-endpoint=127.0.0.1:4318", "--traces=3"]`
 * (host and port without a scheme). A failed export is an exit code or a line on stderr, not an error.
 */
export function telemetrygen(
  args: readonly string[],
): Promise<ProcessExit & { readonly stdout: string; readonly stderr: string }> {
  return runProcess({ name: "telemetrygen", command: partPath("telemetrygen"), args, deadlineMs: 120_000 });
}
