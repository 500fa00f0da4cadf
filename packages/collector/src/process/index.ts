export { createProcess } from "./process.ts";
