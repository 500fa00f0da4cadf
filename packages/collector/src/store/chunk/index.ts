export { ChunkReader, ChunkWriter, damaged } from "./chunk-bytes.ts";
export { decodeChunk, encodeChunks, SampleColumns, type EncodedChunk } from "./chunk.ts";
