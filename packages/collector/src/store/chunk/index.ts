export { ChunkReader, ChunkWriter, damaged } from "./chunk-bytes.ts";
export {
  decodeChunk,
  eachChunk,
  encodeChunks,
  FloatPool,
  inPlace,
  SampleColumns,
  type EncodedChunk,
} from "./chunk.ts";
