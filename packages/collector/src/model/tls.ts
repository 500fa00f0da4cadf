/** What a listener shows to its clients, in PEM. */
export interface TlsIdentity {
  /** With the certificates between it and the root, if there are any. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Clients must show a certificate of one of these; undefined asks for none. */
  readonly clientCa: Buffer | undefined;
}
