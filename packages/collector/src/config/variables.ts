import { isScalar, visit, type Document } from "yaml";

/**
 * Replaces ${NAME} and ${NAME:-default} in every value of the document, never in keys; $$ is a dollar sign.
 * A value that was written without quotes is typed anew afterwards, so that ${PORT} may become a number.
 * Returns the variables that are neither set nor have a default, with their places.
 */
export function expandVariables(
  document: Document,
  env: Readonly<Record<string, string | undefined>>,
): readonly { readonly name: string; readonly offset: number }[] {
  const missing: { name: string; offset: number }[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      const offset = node.range?.[0] ?? 0;
      const text = node.value.replaceAll(
        /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
        (whole: string, name: string | undefined, fallback: string | undefined) => {
          if (name === undefined) return "$";
          const value = env[name] === "" && fallback !== undefined ? fallback : (env[name] ?? fallback);
          if (value === undefined) missing.push({ name, offset });
          return value ?? whole;
        },
      );
      const isPlain = isScalar(node) && node.type === "PLAIN";
      node.value = isPlain && /^-?\d+$/.test(text) ? Number(text) : text;
    },
  });
  return missing;
}
