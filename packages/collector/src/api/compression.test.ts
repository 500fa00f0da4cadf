import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { startApi } from "./api.test-kit.ts";
import { acceptsGzip } from "./compression.ts";

test.each([
  [undefined, false],
  ["", false],
  ["identity", false],
  ["br, deflate", false],
  ["gzip", true],
  ["GZIP", true],
  ["deflate, gzip;q=0.5, br", true],
  ["gzip;q=0", false],
  ["gzip; q=0.0, *", false],
  ["*", true],
  ["*;q=0", false],
  ["x-gzip", true],
] as const)("the header %o takes gzip: %o", (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});

/** As the bytes come: fetch would unpack them. */
function getRaw(url: string, acceptEncoding: string) {
  return new Promise<{ readonly headers: Record<string, unknown>; readonly body: Buffer }>(
    (resolve, reject) => {
      request(url, { headers: { "accept-encoding": acceptEncoding }, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
        response.on("error", reject);
      })
        .on("error", reject)
        .end();
    },
  );
}

test("a long answer is packed for who takes it; a short one, or for others, comes as it is", async () => {
  await using api = await startApi();
  const long = `${api.url}/api/v1/query_range?query=vector(1)&start=0&end=1000&step=1`;
  const packed = await getRaw(long, "gzip");
  const plain = await getRaw(long, "identity");
  expect(packed.headers).toMatchObject({ "content-encoding": "gzip", vary: "Accept-Encoding" });
  expect(packed.headers["content-length"]).toBe(String(packed.body.length));
  expect(packed.body.length).toBeLessThan(plain.body.length / 2);
  expect(gunzipSync(packed.body).toString()).toBe(plain.body.toString());
  expect(plain.headers["content-encoding"]).toBeUndefined();
  const short = await getRaw(`${api.url}/api/v1/query?query=1`, "gzip");
  expect(short.headers["content-encoding"]).toBeUndefined();
  expect(JSON.parse(short.body.toString())).toMatchObject({ status: "success" });
});

test("metrics and pages are packed too", async () => {
  const body = "up 1\n".repeat(1_000);
  await using api = await startApi({
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", body }),
    pages: [{ path: "/", contentType: "text/html", body }],
  });
  for (const path of ["/metrics", "/"]) {
    const { headers, body: bytes } = await getRaw(`${api.url}${path}`, "gzip, deflate, br");
    expect(headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(bytes).toString()).toBe(body);
  }
});
