import { noticeKey } from '../../domain/expiry/calendar.ts';
import { chooserOf } from '../../domain/wallet.ts';
import { affectedMethods } from '../wallet/default-change.ts';
import { tokenKey } from '../wallet/token-hash.ts';
import type { Projections } from './projection.ts';

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

/**
 * Assigns attempts from before a method's card key was known to that card, and not to a card that replaces it later.
 * `p` is the method before the change.
 * @param number the parameter with the card key that is known from now on
 */
const joinAttempts = (number: string) => `
  CALL (p) {
    MATCH (a:ChargeAttempt {payment_method_id: p.id}) WHERE a.instrument_fingerprint IS NULL
    SET a.instrument_fingerprint = coalesce(p.instrument_fingerprint, ${number})
  }`;

export const walletProjections: Projections<WalletEventType> = {
  // MERGE, because a removed method that its customer adds again keeps its id. Its consent is set anew.
  PaymentMethodAdded: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MERGE (p:PaymentMethod {id: $data.payment_method_id})
      ON CREATE SET p.created_at = datetime($recorded_at)
      WITH c, p
      ${joinAttempts('$instrument_fingerprint')}
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
        h.added_by = $data.added_by, h.proven = $data.proven, h.awaits_identifier_id = $data.awaits_identifier_id
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
  },

  PaymentMethodUpdated: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      ${joinAttempts('$changes.instrument_fingerprint')}
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
  },

  PaymentMethodStatusChanged: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      SET p.status = $data.new_status, p.status_seq = $seq, p.changed_seq = $seq, p.updated_at = datetime($recorded_at)`,
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
  },

  PaymentMethodUsed: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      SET p.changed_seq = $seq, h.use_count = $data.use_count, h.last_used = datetime($data.last_used),
        h.proven = $data.proven,
        h.awaits_identifier_id = CASE WHEN $data.proven THEN null ELSE h.awaits_identifier_id END
      WITH p
      MATCH (d:Device {id: $data.device_id})
      MERGE (p)-[u:USED_ON]->(d)
      ON CREATE SET u.first_use = datetime($occurred_at)
      SET u.last_use = CASE WHEN u.last_use > datetime($occurred_at) THEN u.last_use ELSE datetime($occurred_at) END`,
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
  },

  ConsentChanged: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p)
      SET h.off_session_consent = $data.off_session_consent, h.consent_at = datetime($data.consent_at),
        h.consent_source = $data.consent_source, p.changed_seq = $seq`,
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
  },
  // Replaces a notice that is still due, which is about an earlier stage or another month.
  ExpiryNoticeDue: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      SET p.expiry_noticed = $noticed, p.notice_due = $data.notice`,
    derived: ({ data: { expires_on, stage } }) => ({ noticed: noticeKey(expires_on, stage) }),
  },
};
