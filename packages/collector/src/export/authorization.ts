import { http, watchFiles } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";

/** How an exporter shows who it is; secrets stand in files. */
export type AuthSettings =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly tokenFile: string }
  | { readonly kind: "basic"; readonly username: string; readonly passwordFile: string };

/**
 * Value of the `authorization` header now; undefined when there is none to send. The file is read again when it changes.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when the file holds no usable secret at first.
 */
export function openAuthorization(
  auth: AuthSettings,
  { exporter, nowMs, log }: { readonly exporter: string; readonly nowMs: () => number; readonly log: Log },
): () => string | undefined {
  const section = `export.${exporter}.auth`;
  switch (auth.kind) {
    case "none":
      return () => undefined;
    case "bearer": {
      const files = { bearer_token_file: auth.tokenFile };
      const parse = (contents: { readonly bearer_token_file?: Buffer }): string =>
        usable(`Bearer ${secretOf(contents.bearer_token_file)}`);
      return watchFiles({ files, section, parse, nowMs, log });
    }
    case "basic": {
      const files = { password_file: auth.passwordFile };
      const parse = (contents: { readonly password_file?: Buffer }): string =>
        usable(basicAuthorization(auth.username, secretOf(contents.password_file)));
      return watchFiles({ files, section, parse, nowMs, log });
    }
  }
}

/** @see RFC 7617 */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function secretOf(content: Buffer | undefined): string {
  const secret = content?.toString("utf8").trim() ?? "";
  if (secret === "") throw new TypeError("the file is empty");
  return secret;
}

function usable(value: string): string {
  http.validateHeaderValue("authorization", value);
  return value;
}
