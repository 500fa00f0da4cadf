import { expect, test } from "vitest";
import { CollectorError, type RequestProcess } from "../model/index.ts";
import { countItems, encodeRequest } from "../otlp/index.ts";
import { goodTraceId, open, post, spanOf, traces } from "./open.test-kit.ts";

const protobuf = (...spans: readonly object[]) => encodeRequest("spans", traces(...spans));
const body = protobuf(spanOf(goodTraceId, "a"), spanOf(goodTraceId, "b"));

/** Leaves `itemCount` spans of any request. */
function leave(itemCount: number, counted: number[]): RequestProcess {
  const bytes = protobuf(...Array.from({ length: itemCount }, () => spanOf(goodTraceId)));
  return () => ({ bytes, itemCount, count: () => counted.push(itemCount) });
}

test("what the process stage leaves of a request is journaled, and the whole request is a success", async () => {
  const counted: number[] = [];
  const { url, appended } = await open({ process: leave(1, counted) });
  const response = await post(`${url}/v1/traces`, body);
  expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0]);
  expect(appended.map(({ batch }) => [batch.itemCount, countItems("spans", batch.payload[0]!)])).toEqual([
    [1, 1],
  ]);
  expect(counted).toEqual([1]);
});

test("a request of which nothing is left is a success without a journal record", async () => {
  const counted: number[] = [];
  const { url, appended } = await open({ process: leave(0, counted) });
  expect((await post(`${url}/v1/traces`, body)).status).toBe(200);
  expect(appended).toEqual([]);
  expect(counted).toEqual([0]);
});

test("the process stage sees neither rejected items nor requests without any", async () => {
  const seen: number[] = [];
  const { url } = await open({
    process: (_, request) => {
      seen.push(request.itemCount);
      return { ...request, count: () => undefined };
    },
  });
  await post(`${url}/v1/traces`, protobuf(spanOf(goodTraceId), spanOf("00")));
  await post(`${url}/v1/traces`, protobuf());
  expect(seen).toEqual([1]);
});

test("a request that the journal refuses counts nothing as dropped: it comes again", async () => {
  const counted: number[] = [];
  const append = () => Promise.reject(new CollectorError("QUARTET_JOURNAL_FULL", "full"));
  const { url } = await open({ process: leave(1, counted), append });
  expect((await post(`${url}/v1/traces`, body)).status).toBe(503);
  expect(counted).toEqual([]);
});
