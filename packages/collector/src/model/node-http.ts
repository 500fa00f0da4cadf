/**
 * `node:http`, which shall not be imported otherwise: an import reads all its exports, and three of them load the whole client of
 * `fetch`, 10 MB of resident memory in each thread that has it and nobody here uses. Types may be imported.
 */
export const http: typeof import("node:http") = process.getBuiltinModule("node:http");
