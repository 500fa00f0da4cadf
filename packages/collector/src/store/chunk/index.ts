export { ChunkReader, ChunkWriter, damaged } from "./chunk-bytes.ts";
export { decodeChunk, encodeChunks, FloatPool, SampleColumns, type EncodedChunk } from "./chunk.ts";
