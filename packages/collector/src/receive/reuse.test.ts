import { expect, test } from "vitest";
import { encodeRequest, transcodeJson } from "../otlp/index.ts";
import { goodTraceId, open, spanOf, traces } from "./open.test-kit.ts";

test("the memory of a body serves the next one, but not before the journal has settled", async () => {
  const written: Buffer[] = [];
  const seen: ArrayBufferLike[] = [];
  const { promise: allAreHere, resolve } = Promise.withResolvers<void>();
  const { url } = await open({
    async append(_, { payload }) {
      seen.push(payload[0]!.buffer);
      // A slow disk: all four wait for it together.
      if (seen.length === 4) resolve();
      await allAreHere;
      written.push(Buffer.from(payload[0]!));
    },
  });
  const bodies = Array.from({ length: 4 }, (_, index) =>
    encodeRequest("spans", {
      resourceSpans: [
        { scopeSpans: [{ spans: [spanOf(goodTraceId, String(index).repeat(200_000 + index))] }] },
      ],
    }),
  );
  const send = async (body: Uint8Array): Promise<number> => {
    const headers = { "content-type": "application/x-protobuf" };
    const answer = await fetch(`${url}/v1/traces`, { method: "POST", headers, body: Buffer.from(body) });
    await answer.arrayBuffer();
    return answer.status;
  };
  expect(await Promise.all(bodies.map(send))).toEqual([200, 200, 200, 200]);
  expect(await send(bodies[0]!)).toBe(200);
  const texts = (buffers: readonly Uint8Array[]): string[] =>
    buffers.map((buffer) => Buffer.from(buffer).toString("latin1")).toSorted();
  expect(texts(written)).toEqual(texts([...bodies, bodies[0]!]));
  expect(new Set(seen.slice(0, 4)).size).toBe(4);
  expect(seen.slice(0, 4)).toContain(seen[4]);
});

test("the memory of JSON serves the next body as soon as its copy is made, and every request is journaled as it came", async () => {
  const { promise: allAreCopied, resolve } = Promise.withResolvers<void>();
  let copies = 0;
  const { url, appended } = await open({
    async transcode(signal, json) {
      const copy = Buffer.from(json);
      copies += 1;
      if (copies === 4) resolve();
      await allAreCopied;
      return transcodeJson(signal, copy);
    },
  });
  const names = Array.from({ length: 4 }, (_, index) => String(index).repeat(100_000));
  const send = async (name: string): Promise<number> => {
    const body = JSON.stringify(traces(spanOf(goodTraceId, name)));
    const headers = { "content-type": "application/json" };
    return (await fetch(`${url}/v1/traces`, { method: "POST", headers, body })).status;
  };
  expect(await Promise.all(names.map(send))).toEqual([200, 200, 200, 200]);
  const stored = appended.map(({ batch }) => Buffer.concat(batch.payload).toString("latin1")).toSorted();
  const wanted = names.map((name) => encodeRequest("spans", traces(spanOf(goodTraceId, name))));
  expect(stored).toEqual(wanted.map((bytes) => Buffer.from(bytes).toString("latin1")).toSorted());
});
