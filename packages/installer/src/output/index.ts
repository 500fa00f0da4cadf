export { InstallerError, UsageError, type InstallerErrorCode } from "./errors.ts";
