/** Who requests a change, and the key under which a repeat of it is the same command. */
export interface CommandHeader {
  caller: string;
  idempotencyKey: string;
  /** The key is from a request's `Idempotency-Key` or `If-Match` header, and its receipt is stored for a day. */
  isHeaderKey?: true;
  actor: string;
  correlationId: string;
  causationId?: string;
  /** When the change happened, RFC 3339. */
  occurredAt: string;
  /** Milliseconds that its transactions may take in total. Default `COMMAND_MS`. */
  limitMs?: number;
}
