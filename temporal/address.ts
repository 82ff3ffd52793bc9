/** Where a Temporal server is, and how to connect to it. */
export interface TemporalAddress {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The API key of Temporal Cloud; implies TLS. */
  readonly apiKey?: string;
  /** `true`: the system's certificate authorities. */
  readonly tls?:
    | boolean
    | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
}
