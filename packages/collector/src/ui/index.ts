export { queryPage } from "./query-page.ts";
export { tracePage } from "./trace-page.ts";
