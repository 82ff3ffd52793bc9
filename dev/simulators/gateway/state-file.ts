/**
 * What the simulator knows, kept in a file: like the gateway that it stands for, it forgets no charge when it is killed.
 * Events that it had not delivered by then are lost, and so are requests that had not begun to act.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { KeyRecord } from './idempotency.ts';
import type { Store } from './store.ts';

export interface SavedState {
  /** In one piece with the keys: both name the same records. */
  store: Store;
  keys: Map<string, KeyRecord>;
}

/** Written before anybody hears of what happened; a kill in the middle leaves the state before. */
export function saveState(file: string, state: SavedState): void {
  writeFileSync(`${file}.new`, serialize(state));
  renameSync(`${file}.new`, file);
}

/** `undefined`: nothing was saved yet. */
export function loadState(file: string): SavedState | undefined {
  if (!existsSync(file)) return undefined;
  const state = deserialize(readFileSync(file)) as SavedState;
  for (const intent of state.store.intents.values()) intent.busy = false;
  const executed = new Set([...state.store.charges.values()].map((charge) => charge.key));
  for (const record of state.keys.values())
    if (record.running) finishInterrupted(record, executed.has(record));
  return state;
}

/** What has acted is never done again under its key: as Stripe does, the failure itself is what is replayed. */
function finishInterrupted(record: KeyRecord, executed: boolean): void {
  record.running = false;
  if (!executed) delete record.request;
  else {
    const error = { type: 'api_error', message: 'The request was interrupted' };
    record.response = { status: 500, body: JSON.stringify({ error }) };
  }
}
