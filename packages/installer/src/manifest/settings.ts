export interface RuleFile {
  /** File name without a folder; ends in .yaml or .yml. */
  readonly name: string;
  readonly text: string;
}

/** Everything that decides what is rendered, besides the credentials. */
export interface InstallSettings {
  readonly namespace: string;
  /** Quartet's own version: the tag of the collector's image and the version label of what has no other. */
  readonly version: string;
  /** Host and prefix that every image is pulled from instead of its own registry. */
  readonly registry: string | undefined;
  /** The collector's image, whole; undefined takes `collectorImageDefault`. `registry` leaves it alone. */
  readonly collectorImage: string | undefined;
  /** Gets Alertmanager's payload, version 4; undefined = alerts go nowhere. Kept in a Secret: such URLs often hold a token. */
  readonly webhook: string | undefined;
  /** Rules for the collector; [] takes the examples. */
  readonly ruleFiles: readonly RuleFile[];
  /** Other namespaces that get the Secret `quartet-agent`, so that services there can send. */
  readonly agentNamespaces: readonly string[];
  /** undefined = the cluster's default class. */
  readonly storageClass: string | undefined;
}

export const namespaceDefault = "quartet";
