import { listImages } from "../manifest/index.ts";
import { formatTable } from "../output/index.ts";
import type { Command } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { manifestOptions, parseManifestFlags, parseOutput } from "./install-flags.ts";
import { readVersion } from "./version.ts";

/** `quartet images`: what a cluster pulls. */
export const imagesCommand: Command = {
  name: "images",
  summary: "list the images that an installation pulls",
  usage: `quartet images [--registry HOST/PREFIX] [--collector-image IMAGE] [--output table|json]

Lists every image that an installation pulls, one a component; nothing else is downloaded at run time.
To install without access to the internet, copy them to a registry of yours and give its name with --registry.

  --registry HOST/PREFIX   show the names that install --registry uses
  --collector-image IMAGE  the collector's image
  --output table|json      default table
`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      registry: manifestOptions.registry,
      "collector-image": manifestOptions["collector-image"],
      output: { type: "string", default: "table" },
    });
    const output = parseOutput(values.output);
    const settings = parseManifestFlags(
      { ...values, namespace: manifestOptions.namespace.default },
      readVersion(),
    );
    const images = listImages(settings);
    io.stdout.write(
      output === "json"
        ? `${JSON.stringify(images, undefined, 2)}\n`
        : formatTable(
            ["COMPONENT", "IMAGE"],
            images.map(({ component, image }) => [component, image]),
          ),
    );
    return 0;
  },
};
