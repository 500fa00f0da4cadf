import { expect, test } from "vitest";
import { clientAddress } from "./client.ts";

test.each([
  ["10.0.0.7", "10.0.0.7"],
  ["::ffff:10.0.0.7", "10.0.0.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  [undefined, ""],
])("%s counts as the client %j", (remoteAddress, client) => {
  expect(clientAddress({ remoteAddress })).toBe(client);
});
