/**
 * The simulator's state, stored in a file, so that like a real gateway it loses no charge when it is killed, and no event
 * that was not delivered by then. Requests that were not executed are lost.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { KeyRecord } from '../protocol/idempotency.ts';
import type { Store } from './store.ts';

export interface SavedState {
  /** Serialized together with the keys, because both refer to the same records. */
  store: Store;
  keys: Map<string, KeyRecord>;
}

/** Called before a change becomes visible; a kill during the write leaves the previous state. */
export function saveState(file: string, state: SavedState): void {
  // Tokens and customers are its users' data, so only its owner may read it.
  writeFileSync(`${file}.new`, serialize(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** `undefined`: no state has been saved. */
export function loadState(file: string): SavedState | undefined {
  if (!existsSync(file)) return undefined;
  const state = deserialize(readFileSync(file)) as SavedState;
  for (const intent of state.store.intents.values()) intent.busy = false;
  const executed = new Set([...state.store.charges.values()].map((charge) => charge.key));
  for (const record of state.keys.values())
    if (record.running) finishInterrupted(record, executed.has(record));
  return state;
}

/** An executed request is never repeated under its key: as at Stripe, the failure is replayed. */
function finishInterrupted(record: KeyRecord, executed: boolean): void {
  record.running = false;
  if (!executed) delete record.request;
  else {
    const error = { type: 'api_error', message: 'The request was interrupted' };
    record.response = { status: 500, body: JSON.stringify({ error }) };
  }
}
