export { InstallerError, UsageError } from "./errors.ts";
export { nearest } from "./nearest.ts";
export { createProgress, type Progress } from "./progress.ts";
export { formatTable } from "./table.ts";
