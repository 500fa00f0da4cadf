export { createDerive, type Derive, type DeriveSettings } from "./derive.ts";
