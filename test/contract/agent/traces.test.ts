import { expect, test } from "vitest";
import { startReceiver } from "./receiver.ts";
import { eventually, startService } from "./service.ts";

const server = 2;

for (const script of ["shop.cjs", "shop.mjs"]) {
  test(`${script}: a request gives one server span named by method and route, with the stable attributes`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script, endpoint: receiver.url });
    const response = await fetch(`${service.url}/items/7?token=abc&x=1`);
    expect(await response.json()).toEqual({ id: "7" });
    const span = await eventually("the span", () => receiver.spans.find(({ kind }) => kind === server));
    expect(span.name).toBe("GET /items/:id");
    expect(span.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.route": "/items/:id",
      "http.response.status_code": 200,
      "url.path": "/items/7",
      "url.query": "token=REDACTED&x=1",
      "url.scheme": "http",
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(service.url).port),
    });
    expect(span.status).toBe(0);
    expect(span.parentSpanId).toBe("");
    expect(span.resource).toMatchObject({ "service.name": "under-test", "telemetry.sdk.language": "nodejs" });
    expect(span.resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(span.endNano).toBeGreaterThan(span.startNano);
  });
}
