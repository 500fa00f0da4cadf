export { createAdmin } from "./admin.ts";
export { createReadiness } from "./readiness.ts";
