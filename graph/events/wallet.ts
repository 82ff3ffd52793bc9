import { isDisputed, withDispute } from '../../domain/disputes.ts';
import type { RecordedEvent } from '../../domain/events/event.ts';
import type { WalletEvents } from '../../domain/events/wallet.ts';
import { noticeKey } from '../../domain/expiry/calendar.ts';
import { chooserOf } from '../../domain/wallet.ts';
import { affectedMethods } from '../wallet/default-change.ts';
import { tokenKey } from '../wallet/token-hash.ts';
import { latest, utcTime, type Effects } from './effect.ts';
import { BlindValue, edgeRef, type GraphModel, nodeRef, splitRef } from './model.ts';
import { foldProven, setProven } from './proof.ts';

/**
 * Assigns attempts from before a method's card key was known to that card, and not to a card that replaces it later.
 * `p` is the method before the change.
 * @param number the parameter with the card key that is known from now on
 */
const joinAttemptsCypher = (number: string) => `
  CALL (p) {
    MATCH (a:ChargeAttempt {payment_method_id: p.id}) WHERE a.instrument_fingerprint IS NULL
    SET a.instrument_fingerprint = coalesce(p.instrument_fingerprint, ${number})
  }`;

export const walletEffects: Effects<WalletEvents> = {
  // MERGE, because a removed method that its customer adds again keeps its id. Its consent is set anew.
  PaymentMethodAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MERGE (p:PaymentMethod {id: $data.payment_method_id})
      ON CREATE SET p.created_at = datetime($recorded_at)
      WITH c, p
      ${joinAttemptsCypher('$instrument_fingerprint')}
      SET p.type = $data.type, p.status = 'unverified', p.token = $data.token, p.token_hash = $token_hash,
        p.brand = $data.brand, p.network = $data.network, p.last_four = $data.last_four,
        p.expiry_month = $data.expiry_month, p.expiry_year = $data.expiry_year, p.expires_on = date($data.expires_on),
        p.instrument_fingerprint = $instrument_fingerprint, p.removed_at = null,
        p.expiry_wanted_at = null, p.consent_wanted = null, p.changed_seq = $seq, p.status_seq = $seq, p.updated_at = datetime($recorded_at)
      MERGE (c)-[h:HAS_PAYMENT_METHOD]->(p)
      ON CREATE SET h.first_used = datetime($occurred_at), h.use_count = 0
      SET h.last_used = CASE WHEN h.last_used > datetime($occurred_at) THEN h.last_used ELSE datetime($occurred_at) END,
        h.use_count = h.use_count + 1, h.is_default = false, h.off_session_consent = $data.off_session_consent,
        h.consent_at = datetime($data.consent_at), h.consent_source = $data.consent_source,
        h.added_by = $data.added_by, ${setProven('h', '$data.proven')},
        h.awaits_identifier_id = $data.awaits_identifier_id
      WITH p
      MATCH (d:Device {id: $data.device_id})
      MERGE (p)-[u:USED_ON]->(d)
      ON CREATE SET u.first_use = datetime($occurred_at)
      SET u.last_use = CASE WHEN u.last_use > datetime($occurred_at) THEN u.last_use ELSE datetime($occurred_at) END`,
    derived: ({ data }, { key, blindIndex }) => ({
      token_hash: blindIndex.hash(
        'token',
        tokenKey(
          key.open(data.token, 'PaymentMethod', data.payment_method_id, 'token'),
          data.payment_method_id,
        ),
      ),
      instrument_fingerprint:
        data.instrument_fingerprint &&
        key.open(
          data.instrument_fingerprint,
          'PaymentMethod',
          data.payment_method_id,
          'instrument_fingerprint',
        ),
    }),
    // A removed method is added again under its old id: it keeps its time of creation, its first use and its use count.
    fold(model, event, { key, blindIndex }) {
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
        awaits_identifier_id: data.awaits_identifier_id,
      });
      foldProven(held, data.proven);
      recordUsedOn(model, event);
    },
  },

  PaymentMethodUpdated: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      ${joinAttemptsCypher('$changes.instrument_fingerprint')}
      SET p += $changes, p.changed_seq = $seq, p.updated_at = datetime($recorded_at),
        p.expires_on = CASE WHEN $expires_on IS NULL THEN p.expires_on ELSE date($expires_on) END`,
    derived: ({ data }, { key, blindIndex }) => {
      const {
        payment_method_id: id,
        expires_on,
        instrument_fingerprint: sealedFingerprint,
        token,
        ...rest
      } = data;
      const changes: Record<string, unknown> = rest;
      if (sealedFingerprint !== undefined)
        changes.instrument_fingerprint = key.open(
          sealedFingerprint,
          'PaymentMethod',
          id,
          'instrument_fingerprint',
        );
      if (token !== undefined) {
        changes.token = token;
        changes.token_hash = blindIndex.hash(
          'token',
          tokenKey(key.open(token, 'PaymentMethod', id, 'token'), id),
        );
      }
      return { expires_on, changes };
    },
    fold(model, { seq, recorded_at, data }, { key, blindIndex }) {
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
  },

  PaymentMethodStatusChanged: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      SET p.status = $data.new_status, p.status_seq = $seq, p.changed_seq = $seq, p.updated_at = datetime($recorded_at)`,
    fold(model, { seq, recorded_at, data }) {
      const method = model.node(nodeRef('PaymentMethod', data.payment_method_id));
      if (method)
        Object.assign(method, {
          status: data.new_status,
          status_seq: seq,
          changed_seq: seq,
          updated_at: utcTime(recorded_at),
        });
    },
  },

  // A compromised method remains compromised: nothing its customer does makes it usable again, and the fraud case can
  // still undo it.
  PaymentMethodRemoved: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      SET p.status_seq = CASE p.status WHEN 'compromised' THEN p.status_seq ELSE $seq END,
        p.status = CASE p.status WHEN 'compromised' THEN p.status ELSE 'inactive' END,
        p.removed_at = datetime($occurred_at), p.changed_seq = $seq, p.updated_at = datetime($recorded_at),
        p.expiry_wanted_at = null, p.consent_wanted = null, h.off_session_consent = false`,
    fold(model, { stream_id, seq, occurred_at, recorded_at, data }) {
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
  },

  PaymentMethodUsed: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      SET p.changed_seq = $seq, h.use_count = $data.use_count, h.last_used = datetime($data.last_used),
        ${setProven('h', '$data.proven')},
        h.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE h.awaits_identifier_id END
      WITH p
      MATCH (d:Device {id: $data.device_id})
      MERGE (p)-[u:USED_ON]->(d)
      ON CREATE SET u.first_use = datetime($occurred_at)
      SET u.last_use = CASE WHEN u.last_use > datetime($occurred_at) THEN u.last_use ELSE datetime($occurred_at) END`,
    fold(model, event) {
      const { stream_id, seq, data } = event;
      const ref = nodeRef('PaymentMethod', data.payment_method_id);
      const method = model.node(ref);
      const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
      if (!method || !held) return;
      method.changed_seq = seq;
      held.use_count = data.use_count;
      held.last_used = utcTime(data.last_used);
      foldProven(held, data.proven);
      if (data.proven) held.awaits_identifier_id = null;
      recordUsedOn(model, event);
    },
  },

  // Each method that the event names counts as changed, and gets a new changed_seq. A rule that later sets another
  // default does not change when and by whom one was last chosen.
  DefaultPaymentMethodChanged: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      SET c.default_set_at = datetime($recorded_at),
        c.default_chosen_at = CASE WHEN $chosen_by IS NULL THEN c.default_chosen_at ELSE datetime($recorded_at) END,
        c.default_chosen_by = coalesce($chosen_by, c.default_chosen_by)
      WITH c
      MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
      WHERE h.is_default OR p.id IN $named
      SET h.is_default = coalesce(p.id = $data.payment_method_id, false),
        p.changed_seq = CASE WHEN p.id IN $named THEN $seq ELSE p.changed_seq END`,
    derived: ({ data }) => ({ named: affectedMethods(data), chosen_by: chooserOf(data.reason) ?? null }),
    // Each method that the event names changes: the old default, the new one, and those that were repaired.
    fold(model, { stream_id, seq, recorded_at, data }) {
      const at = utcTime(recorded_at);
      const chooser = chooserOf(data.reason);
      Object.assign(model.node(nodeRef('Customer', stream_id)) ?? {}, {
        default_set_at: at,
        ...(chooser !== undefined && { default_chosen_at: at, default_chosen_by: chooser }),
      });
      const chosen = data.payment_method_id && nodeRef('PaymentMethod', data.payment_method_id);
      const affected = new Set(affectedMethods(data).map((id) => nodeRef('PaymentMethod', id)));
      for (const { to, properties } of model.edgesFrom(
        nodeRef('Customer', stream_id),
        'HAS_PAYMENT_METHOD',
      )) {
        properties.is_default = to === chosen;
        const method = affected.has(to) ? model.node(to) : undefined;
        if (method) method.changed_seq = seq;
      }
    },
  },

  ConsentChanged: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      SET h.off_session_consent = $data.off_session_consent, h.consent_at = datetime($data.consent_at),
        h.consent_source = $data.consent_source, p.changed_seq = $seq`,
    fold(model, { stream_id, seq, data }) {
      const ref = nodeRef('PaymentMethod', data.payment_method_id);
      const method = model.node(ref);
      const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
      if (!method || !held) return;
      method.changed_seq = seq;
      held.off_session_consent = data.off_session_consent;
      held.consent_at = utcTime(data.consent_at);
      held.consent_source = data.consent_source;
    },
  },

  // A card that may be charged again counts as changed, for the recoveries that wait for one.
  PaymentMethodDisputed: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      WITH p, h, [one IN coalesce(h.disputes, []) WHERE NOT one STARTS WITH $data.dispute_ref + ':'] +
        ($data.dispute_ref + ':' + $data.state) AS disputes
      SET h.disputes = disputes,
        h.disputed = any(one IN disputes WHERE one ENDS WITH ':open' OR one ENDS WITH ':lost'),
        p.changed_seq = $seq, p.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id, seq, recorded_at, data }) {
      const ref = nodeRef('PaymentMethod', data.payment_method_id);
      const method = model.node(ref);
      const held = model.edge(nodeRef('Customer', stream_id), 'HAS_PAYMENT_METHOD', ref);
      if (!method || !held) return;
      const disputes = withDispute((held.disputes ?? []) as string[], data);
      Object.assign(held, { disputes, disputed: isDisputed(disputes) });
      Object.assign(method, { changed_seq: seq, updated_at: utcTime(recorded_at) });
    },
  },

  // Replaces a notice that is still due, which is about an earlier stage or another month.
  ExpiryNoticeDue: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      SET p.expiry_noticed = $noticed, p.notice_due = $data.notice`,
    derived: ({ data: { expires_on, stage } }) => ({ noticed: noticeKey(expires_on, stage) }),
    fold(model, { data: { payment_method_id, expires_on, stage, notice } }) {
      const method = model.node(nodeRef('PaymentMethod', payment_method_id));
      if (method) Object.assign(method, { expiry_noticed: noticeKey(expires_on, stage), notice_due: notice });
    },
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
