/** Idempotency keys as at Stripe: kept for 24 hours; the first response, even a 500, is replayed; other parameters are refused. */

import { GatewayError } from './errors.ts';

const RETENTION_MS = 24 * 3_600_000;

export interface SavedResponse {
  status: number;
  /** JSON, as it was at the time. */
  body: string;
}

/** The record of one key. */
export interface KeyRecord {
  key: string;
  firstUsedAt: number;
  /** Number of requests received with it, whatever their response. */
  requests: number;
  /** Path and parameters of the request that uses it; absent until one has executed. */
  request?: { path: string; parameters: string };
  running: boolean;
  response?: SavedResponse;
}

export class IdempotencyKeys {
  #records: Map<string, KeyRecord>;

  constructor(records = new Map<string, KeyRecord>()) {
    this.#records = records;
  }

  /**
   * Called for every POST with a key. `response` present: replay it; absent: run the request, then call `finish`.
   * @throws GatewayError 400 `idempotency_error` (other parameters or path), 409 `idempotency_key_in_use`
   */
  begin(key: string, path: string, parameters: string, now: number): KeyRecord {
    if (key.length > 255) {
      throw new GatewayError(
        400,
        { type: 'invalid_request_error', message: 'Idempotency keys may have at most 255 characters.' },
        { executed: false },
      );
    }
    const record = this.#recordOf(key, now);
    record.requests += 1;
    if (record.request !== undefined) {
      if (record.request.path !== path || record.request.parameters !== parameters) throw mismatch(record);
      if (record.running) throw inUse(key);
      return record;
    }
    record.request = { path, parameters };
    record.running = true;
    return record;
  }

  /** `response` undefined: the request was not executed, so the next one with this key is treated as the first. */
  finish(record: KeyRecord, response: SavedResponse | undefined): void {
    record.running = false;
    if (response === undefined) delete record.request;
    else record.response = response;
  }

  get records(): Map<string, KeyRecord> {
    return this.#records;
  }

  reset(): void {
    this.#records.clear();
  }

  #recordOf(key: string, now: number): KeyRecord {
    const known = this.#records.get(key);
    if (known !== undefined && (known.running || now - known.firstUsedAt < RETENTION_MS)) return known;
    const record: KeyRecord = { key, firstUsedAt: now, requests: 0, running: false };
    this.#records.set(key, record);
    return record;
  }
}

function mismatch(record: KeyRecord): GatewayError {
  const rule = `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${record.key}' if you meant to execute a different request.`;
  return new GatewayError(400, { type: 'idempotency_error', message: rule }, { executed: false });
}

function inUse(key: string): GatewayError {
  return new GatewayError(
    409,
    {
      type: 'idempotency_error',
      code: 'idempotency_key_in_use',
      message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
    },
    { executed: false },
  );
}
