export { ChunkReader, ChunkWriter, damaged } from "./chunk-bytes.ts";
export { decodeChunk, encodeChunks, FloatPool, inPlace, SampleColumns, type EncodedChunk } from "./chunk.ts";
