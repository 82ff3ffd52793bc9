import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from './command-header.ts';
import type { Graph } from './graph.ts';
import type { Reader, Sender } from './reader.ts';
import { runTransaction } from './run-transaction.ts';

/** What a command's receipt identifies: the caller and key, and the serialised request. */
export interface CommandRequest {
  readonly header: CommandHeader;
  /** From `bodyText`. */
  readonly body: string;
}

/**
 * How long a key is stored: one from a caller's `Idempotency-Key` header for a day; one derived from an event, a
 * transaction or a process for as long as an event may be reported.
 */
export type ReceiptKind = 'request' | 'event';

// The key is unique: a concurrent duplicate waits here until the first one has committed, and then fails.
const CREATE_RECEIPT = 'CREATE (:CommandReceipt {caller: $caller, key: $key})';
const STORE_RESULT = `
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  SET r.body_hash = $body_hash, r.result = $result, r.at = datetime($at), r.kind = $kind, r.stream_id = $stream_id`;
const DELETE_RECEIPT = 'MATCH (r:CommandReceipt {caller: $caller, key: $key}) DELETE r';
const READ = `
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  RETURN r.body_hash AS body_hash, r.result AS result`;

const RECEIPT_EXISTS = 'RETURN EXISTS { MATCH (:CommandReceipt {caller: $caller, key: $key}) } AS found';
const EXPIRE = `
  MATCH (r:CommandReceipt) USING INDEX r:CommandReceipt(kind, at)
  WHERE r.kind = $kind AND r.at < datetime($before)
  WITH r LIMIT $limit
  DELETE r
  RETURN count(r) AS deleted`;

const COUNT_OLD = `
  MATCH (r:CommandReceipt) USING INDEX r:CommandReceipt(kind, at)
  WHERE r.kind = $kind AND r.at < datetime($before)
  RETURN count(r) AS old`;

const keyOf = ({ header }: CommandRequest) => ({ caller: header.caller, key: header.idempotencyKey });

/** The first write of a command: it fails, and with it the whole command, if the command was processed before. */
export function claimReceipt(sender: Sender, request: CommandRequest): void {
  sender.send(CREATE_RECEIPT, keyOf(request));
}

/** @param at - RFC 3339; `streamId`: the customer or device whose erasure takes the result away */
export function storeResult(
  sender: Sender,
  request: CommandRequest,
  {
    graph,
    result,
    at,
    streamId,
  }: { graph: Pick<Graph, 'blindIndex'>; result: unknown; at: string; streamId: string | undefined },
): void {
  const body_hash = graph.blindIndex.hash('command', request.body);
  const kind: ReceiptKind = request.header.isHeaderKey === true ? 'request' : 'event';
  const stored = { body_hash, result: JSON.stringify({ result }), at, kind, stream_id: streamId };
  sender.send(STORE_RESULT, { ...keyOf(request), ...stored });
}

/** Releases the key within the same transaction. */
export function deleteReceipt(sender: Sender, request: CommandRequest): void {
  sender.send(DELETE_RECEIPT, keyOf(request));
}

/**
 * The stored result, if the command was processed before; `undefined`: it was not.
 * @throws PersonaError idempotency_key_reused, customer_not_found (erased since), graph_unavailable
 */
export async function findStoredResult(
  graph: Graph,
  request: CommandRequest,
): Promise<{ result: unknown } | undefined> {
  const [receipt] = await graph.read<{ body_hash: string; result: string | null }>(READ, keyOf(request));
  if (receipt === undefined) return undefined;
  if (receipt.result === null)
    throw new PersonaError('customer_not_found', 'the customer of this request is unknown');
  if (graph.blindIndex.matches('command', request.body, receipt.body_hash))
    return JSON.parse(receipt.result) as { result: unknown };
  throw new PersonaError(
    'idempotency_key_reused',
    `the idempotency key ${request.header.idempotencyKey} was already used with a different request`,
  );
}

/** Whether a command was processed under this key. @throws PersonaError graph_unavailable */
export async function hasReceipt(
  reader: Reader,
  { caller, idempotencyKey: key }: Pick<CommandHeader, 'caller' | 'idempotencyKey'>,
): Promise<boolean> {
  const [row] = await reader.read<{ found: boolean }>(RECEIPT_EXISTS, { caller, key });
  return row?.found ?? false;
}

/**
 * Deletes expired receipts of one kind, one batch in one transaction.
 * @param input.before epoch milliseconds
 * @returns the number deleted; fewer than `limit`: there are no more
 * @throws PersonaError graph_unavailable
 */
export async function expireReceipts(
  graph: Graph,
  { kind, before, limit }: { kind: ReceiptKind; before: number; limit: number },
): Promise<number> {
  const [row] = await runTransaction(graph, ({ read }) =>
    read<{ deleted: number }>(EXPIRE, { kind, limit, before: new Date(before).toISOString() }),
  );
  return row?.deleted ?? 0;
}

/** How many receipts of one kind are expired. @param input.before epoch milliseconds. @throws PersonaError graph_unavailable */
export async function countOldReceipts(
  reader: Reader,
  { kind, before }: { kind: ReceiptKind; before: number },
): Promise<number> {
  const [row] = await reader.read<{ old: number }>(COUNT_OLD, {
    kind,
    before: new Date(before).toISOString(),
  });
  return row?.old ?? 0;
}
