export { isLong } from "./length.ts";
export { freePort } from "./ports.ts";
export { runProcess, startProcess } from "./process.ts";
export type { ProcessExit, ProcessSettings, Ready, StartedProcess, StopSettings } from "./process.ts";
export { openTempDir } from "./temp.ts";
export type { TempDir } from "./temp.ts";
export { DeadlineError, until } from "./until.ts";
export type { UntilSettings } from "./until.ts";
