import { isDisputed, withDispute } from '../../../domain/disputes.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import { noticeKey } from '../../../domain/expiry/calendar.ts';
import { chooserOf } from '../../../domain/wallet.ts';
import { BlindValue, edgeRef, type GraphModel, nodeRef, splitRef } from '../model.ts';
import { affectedMethods } from '../../wallet/default-change.ts';
import { tokenKey } from '../../wallet/token-hash.ts';
import { type Folds, latest, utcTime } from './fold.ts';

type WalletEventType =
  | 'PaymentMethodAdded'
  | 'PaymentMethodUpdated'
  | 'PaymentMethodStatusChanged'
  | 'PaymentMethodRemoved'
  | 'PaymentMethodUsed'
  | 'DefaultPaymentMethodChanged'
  | 'ConsentChanged'
  | 'PaymentMethodDisputed'
  | 'ExpiryNoticeDue';

export const walletFolds: Folds<WalletEventType> = {
  // A removed method is added again under its old id: it keeps its time of creation, its first use and its use count.
  PaymentMethodAdded(model, event, { key, blindIndex }) {
    const { stream_id, seq, recorded_at, data } = event;
    const occurred = utcTime(event.occurred_at);
    const customer = nodeRef('Customer', stream_id);
    const method = nodeRef('PaymentMethod', data.payment_method_id);
    const edge = edgeRef(customer, 'HAS_PAYMENT_METHOD', method);
    if (!model.nodes.has(method)) model.createNode(method, { created_at: utcTime(recorded_at) });
    if (!model.edges.has(edge))
      model.createEdge(customer, 'HAS_PAYMENT_METHOD', method, { first_used: occurred, use_count: 0 });
    const { payment_method_id: id, token, instrument_fingerprint: sealedFingerprint } = data;
    const before = model.node(method)?.instrument_fingerprint;
    Object.assign(model.node(method) ?? {}, {
      id,
      type: data.type,
      status: 'unverified',
      token,
      token_hash: new BlindValue(
        blindIndex,
        'token',
        tokenKey(key.open(token, 'PaymentMethod', id, 'token'), id),
      ),
      brand: data.brand,
      network: data.network,
      last_four: data.last_four,
      expiry_month: data.expiry_month,
      expiry_year: data.expiry_year,
      expires_on: data.expires_on,
      instrument_fingerprint:
        sealedFingerprint && key.open(sealedFingerprint, 'PaymentMethod', id, 'instrument_fingerprint'),
      removed_at: null,
      expiry_wanted_at: null,
      consent_wanted: null,
      changed_seq: seq,
      status_seq: seq,
      updated_at: utcTime(recorded_at),
    });
    joinAttempts(model, id, before);
    const held = model.edge(customer, 'HAS_PAYMENT_METHOD', method) ?? {};
    Object.assign(held, {
      last_used: latest(held.last_used, occurred),
      use_count: Number(held.use_count) + 1,
      is_default: false,
      off_session_consent: data.off_session_consent,
      consent_at: utcTime(data.consent_at),
      consent_source: data.consent_source,
      added_by: data.added_by,
      proven: data.proven,
      awaits_identifier_id: data.awaits_identifier_id,
    });
    recordUsedOn(model, event);
  },

  PaymentMethodUpdated(model, { seq, recorded_at, data }, { key, blindIndex }) {
    const { payment_method_id: id, instrument_fingerprint: sealedFingerprint, ...changes } = data;
    const method = model.node(nodeRef('PaymentMethod', id));
    if (!method) return;
    const before = method.instrument_fingerprint;
    Object.assign(method, changes, { changed_seq: seq, updated_at: utcTime(recorded_at) });
    if (sealedFingerprint !== undefined)
      method.instrument_fingerprint = key.open(
        sealedFingerprint,
        'PaymentMethod',
        id,
        'instrument_fingerprint',
      );
    joinAttempts(model, id, before);
    if (changes.token !== undefined)
      method.token_hash = new BlindValue(
        blindIndex,
        'token',
        tokenKey(key.open(changes.token, 'PaymentMethod', id, 'token'), id),
      );
  },

  PaymentMethodStatusChanged(model, { seq, recorded_at, data }) {
    const method = model.node(nodeRef('PaymentMethod', data.payment_method_id));
    if (method)
      Object.assign(method, {
        status: data.new_status,
        status_seq: seq,
        changed_seq: seq,
        updated_at: utcTime(recorded_at),
      });
  },

  PaymentMethodRemoved(model, { stream_id, seq, occurred_at, recorded_at, data }) {
    const ref = nodeRef('PaymentMethod', data.payment_method_id);
    const method = model.node(ref);
    const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
    if (!method || !held) return;
    if (method.status !== 'compromised') Object.assign(method, { status: 'inactive', status_seq: seq });
    Object.assign(method, {
      removed_at: utcTime(occurred_at),
      expiry_wanted_at: null,
      consent_wanted: null,
      changed_seq: seq,
      updated_at: utcTime(recorded_at),
    });
    held.off_session_consent = false;
  },

  PaymentMethodUsed(model, event) {
    const { stream_id, seq, data } = event;
    const ref = nodeRef('PaymentMethod', data.payment_method_id);
    const method = model.node(ref);
    const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
    if (!method || !held) return;
    method.changed_seq = seq;
    held.use_count = data.use_count;
    held.last_used = utcTime(data.last_used);
    held.proven = data.proven;
    if (data.proven) held.awaits_identifier_id = null;
    recordUsedOn(model, event);
  },

  // Each method that the event names changes: the old default, the new one, and those that were repaired.
  DefaultPaymentMethodChanged(model, { stream_id, seq, recorded_at, data }) {
    const at = utcTime(recorded_at);
    const chooser = chooserOf(data.reason);
    Object.assign(model.node(nodeRef('Customer', stream_id)) ?? {}, {
      default_set_at: at,
      ...(chooser !== undefined && { default_chosen_at: at, default_chosen_by: chooser }),
    });
    const chosen = data.payment_method_id && nodeRef('PaymentMethod', data.payment_method_id);
    const affected = new Set(affectedMethods(data).map((id) => nodeRef('PaymentMethod', id)));
    for (const { to, properties } of model.edgesFrom(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD')) {
      properties.is_default = to === chosen;
      const method = affected.has(to) ? model.node(to) : undefined;
      if (method) method.changed_seq = seq;
    }
  },

  ConsentChanged(model, { stream_id, seq, data }) {
    const ref = nodeRef('PaymentMethod', data.payment_method_id);
    const method = model.node(ref);
    const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
    if (!method || !held) return;
    method.changed_seq = seq;
    held.off_session_consent = data.off_session_consent;
    held.consent_at = utcTime(data.consent_at);
    held.consent_source = data.consent_source;
  },

  PaymentMethodDisputed(model, { stream_id, seq, recorded_at, data }) {
    const ref = nodeRef('PaymentMethod', data.payment_method_id);
    const method = model.node(ref);
    const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
    if (!method || !held) return;
    const disputes = withDispute((held.disputes ?? []) as string[], data);
    Object.assign(held, { disputes, disputed: isDisputed(disputes) });
    Object.assign(method, { changed_seq: seq, updated_at: utcTime(recorded_at) });
  },

  ExpiryNoticeDue(model, { data: { payment_method_id, expires_on, stage, notice } }) {
    const method = model.node(nodeRef('PaymentMethod', payment_method_id));
    if (method) Object.assign(method, { expiry_noticed: noticeKey(expires_on, stage), notice_due: notice });
  },
};

/** Attempts made before the number was known belong to it once it is known; those with another number keep theirs. */
function joinAttempts(model: GraphModel, paymentMethodId: string, before: unknown): void {
  const known = before ?? model.node(nodeRef('PaymentMethod', paymentMethodId))?.instrument_fingerprint;
  for (const [ref, attempt] of model.nodes) {
    if (splitRef(ref).label === 'ChargeAttempt' && attempt.payment_method_id === paymentMethodId)
      attempt.instrument_fingerprint ??= known;
  }
}

function recordUsedOn(
  model: GraphModel,
  { data, occurred_at }: RecordedEvent<'PaymentMethodAdded' | 'PaymentMethodUsed'>,
): void {
  if (data.device_id === null) return;
  const method = nodeRef('PaymentMethod', data.payment_method_id);
  const device = nodeRef('Device', data.device_id);
  const occurred = utcTime(occurred_at);
  if (!model.edges.has(edgeRef(method, 'USED_ON', device)))
    model.createEdge(method, 'USED_ON', device, { first_use: occurred });
  const use = model.edge(method, 'USED_ON', device);
  if (use) use.last_use = latest(use.last_use, occurred);
}
