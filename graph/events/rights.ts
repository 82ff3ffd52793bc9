import { contestId } from '../../domain/contests.ts';
import type { ContestedLink, RightsEvents } from '../../domain/events/rights.ts';
import { utcTime, type Effects } from './effect.ts';
import { edgeRef, type GraphModel, type Label, nodeRef, type Properties } from './model.ts';

/** A note is identified by the event that added it. */
const noteId = (customerId: string, seq: number) => `${customerId}:${seq}`;

const TARGETS: Readonly<Record<ContestedLink['type'], Label>> = {
  LOGGED_IN_FROM: 'Device',
  SHIPPED_TO: 'Address',
  HAS_DIGITAL_IDENTIFIER: 'DigitalIdentifier',
  HAS_PAYMENT_METHOD: 'PaymentMethod',
};

/** The ids by label, of which at most one is set: null matches nothing. */
const linkParameters = (link: ContestedLink | null) => ({
  link_id: link?.id ?? null,
  device_id: link?.type === 'LOGGED_IN_FROM' ? link.id : null,
  address_id: link?.type === 'SHIPPED_TO' ? link.id : null,
  identifier_id: link?.type === 'HAS_DIGITAL_IDENTIFIER' ? link.id : null,
  payment_method_id: link?.type === 'HAS_PAYMENT_METHOD' ? link.id : null,
});

/**
 * Matches the customer's edge as `l`, `s`, `h` or `d`, with its address `a`, method `p` or identifier `i`; all null if the
 * edge is gone.
 */
const MATCH_LINK = `
      OPTIONAL MATCH (:Customer {id: $stream_id})-[l:LOGGED_IN_FROM]->(:Device {id: $device_id})
      OPTIONAL MATCH (:Customer {id: $stream_id})-[s:SHIPPED_TO]->(a:Address {id: $address_id})
      OPTIONAL MATCH (:Customer {id: $stream_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $payment_method_id})
      OPTIONAL MATCH (c:Customer {id: $stream_id})-[d:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier {id: $identifier_id})`;

/** Readers of an address, a method or a profile see the change: `c` is set for an identifier only, as is `i`. */
const SET_CHANGED = `
      FOREACH (node IN [one IN [a, p, c] WHERE one IS NOT NULL] | SET node.changed_seq = $seq)`;

export const rightsEffects: Effects<RightsEvents> = {
  EventAnnotated: {
    cypher: `
      CREATE (n:Note {
        note_id: $note_id, customer_id: $stream_id, about_seq: $data.seq, text: $data.text,
        noted_at: datetime($occurred_at)
      })`,
    derived: ({ stream_id, seq }) => ({ note_id: noteId(stream_id, seq) }),
    fold(model, { stream_id, seq, occurred_at, data }) {
      const note_id = noteId(stream_id, seq);
      model.createNode(nodeRef('Note', note_id), {
        note_id,
        customer_id: stream_id,
        about_seq: data.seq,
        text: data.text,
        noted_at: utcTime(occurred_at),
      });
    },
  },

  // An identifier has no `proven`: it counts as not verified, and the edge keeps whether it was.
  EventContested: {
    cypher: `
      MERGE (x:Contest {contest_id: $contest_id})
      SET x.customer_id = $stream_id, x.seq = $data.seq, x.state = 'open', x.reason = $data.reason,
        x.explanation = null, x.link_type = $data.restricts.type, x.link_id = $data.restricts.id,
        x.opened_at = datetime($recorded_at), x.opened_seq = $seq, x.decided_at = null
      WITH x
      ${MATCH_LINK}
      ${SET_CHANGED}
      FOREACH (e IN [one IN [l, s, h] WHERE one IS NOT NULL] |
        SET e.uncontested_proven = coalesce(e.uncontested_proven, e.proven), e.proven = false,
          e.contested_seq = $data.seq)
      FOREACH (_ IN CASE WHEN i IS NULL THEN [] ELSE [1] END |
        SET d.uncontested_proven = coalesce(d.uncontested_proven, i.is_verified), i.is_verified = false,
          d.contested_seq = $data.seq)`,
    derived: ({ stream_id, data: { seq, restricts } }) => ({
      contest_id: contestId(stream_id, seq),
      ...linkParameters(restricts),
    }),
    fold(model, { stream_id, seq, recorded_at, data }) {
      const contest_id = contestId(stream_id, data.seq);
      const ref = nodeRef('Contest', contest_id);
      if (!model.nodes.has(ref)) model.createNode(ref, { contest_id, customer_id: stream_id, seq: data.seq });
      Object.assign(model.node(ref) ?? {}, {
        ...{ state: 'open', reason: data.reason, explanation: null, decided_at: null },
        ...{ link_type: data.restricts?.type ?? null, link_id: data.restricts?.id ?? null },
        ...{ opened_at: utcTime(recorded_at), opened_seq: seq },
      });
      const found = linkIn(model, stream_id, data.restricts);
      if (!found) return;
      const { edge, identifier, changed } = found;
      if (changed) changed.changed_seq = seq;
      edge.uncontested_proven ??= identifier ? identifier.is_verified : edge.proven;
      edge.contested_seq = data.seq;
      if (identifier) identifier.is_verified = false;
      else edge.proven = false;
    },
  },

  // Another open contest of the same edge keeps it restricted. What is upheld stays unproven until it is proven anew.
  ContestDecided: {
    cypher: `
      MATCH (x:Contest {contest_id: $contest_id})
      SET x.state = $data.decision, x.explanation = $data.explanation, x.decided_at = datetime($recorded_at),
        x.notice_due = $data.notice, x.notice_at = datetime($recorded_at)
      WITH x
      OPTIONAL MATCH (o:Contest {customer_id: $stream_id, state: 'open'}) WHERE o.link_id = $link_id
      WITH max(o.seq) AS still
      ${MATCH_LINK}
      ${SET_CHANGED}
      FOREACH (e IN [one IN [l, s, h] WHERE one.contested_seq IS NOT NULL] |
        SET e.awaits_identifier_id = CASE WHEN $upheld THEN null ELSE e.awaits_identifier_id END,
          e.proven = e.uncontested_proven AND NOT $upheld AND still IS NULL,
          e.uncontested_proven = CASE WHEN still IS NOT NULL THEN e.uncontested_proven AND NOT $upheld END,
          e.contested_seq = still)
      FOREACH (_ IN CASE WHEN d.contested_seq IS NULL THEN [] ELSE [1] END |
        SET i.is_verified = d.uncontested_proven AND NOT $upheld AND still IS NULL,
          d.uncontested_proven = CASE WHEN still IS NOT NULL THEN d.uncontested_proven AND NOT $upheld END,
          d.contested_seq = still)`,
    derived: ({ stream_id, data: { seq, restricts, decision } }) => ({
      contest_id: contestId(stream_id, seq),
      upheld: decision === 'upheld',
      ...linkParameters(restricts),
    }),
    fold(model, { stream_id, seq, recorded_at, data }) {
      const node = model.node(nodeRef('Contest', contestId(stream_id, data.seq)));
      if (!node) return;
      const at = utcTime(recorded_at);
      Object.assign(node, {
        ...{ state: data.decision, explanation: data.explanation, decided_at: at },
        ...{ notice_due: data.notice, notice_at: at },
      });
      const found = linkIn(model, stream_id, data.restricts);
      if (!found) return;
      const { edge, identifier, changed } = found;
      if (changed) changed.changed_seq = seq;
      if (typeof edge.contested_seq !== 'number') return;
      const still = otherContest(model, stream_id, data.restricts);
      const isProven = edge.uncontested_proven === true && data.decision === 'rejected';
      edge.contested_seq = still;
      edge.uncontested_proven = still === null ? null : isProven;
      if (identifier) {
        identifier.is_verified = still === null && isProven;
        return;
      }
      edge.proven = still === null && isProven;
      if (data.decision === 'upheld') edge.awaits_identifier_id = null;
    },
  },
};

/**
 * The edge, with the identifier that it leads to, and the node that counts as changed; `undefined` if the edge is gone.
 * Identifiers are part of the customer's profile.
 */
function linkIn(
  model: GraphModel,
  customerId: string,
  link: ContestedLink | null,
): { edge: Properties; identifier?: Properties; changed?: Properties } | undefined {
  if (link === null) return undefined;
  const customer = nodeRef('Customer', customerId);
  const target = nodeRef(TARGETS[link.type], link.id);
  const edge = model.edges.get(edgeRef(customer, link.type, target))?.properties;
  if (!edge) return undefined;
  const node = model.nodes.get(target);
  if (link.type === 'LOGGED_IN_FROM' || !node) return { edge };
  if (link.type !== 'HAS_DIGITAL_IDENTIFIER') return { edge, changed: node };
  const changed = model.node(customer);
  return { edge, identifier: node, ...(changed && { changed }) };
}

/** The newest event of another open contest of the same edge. */
function otherContest(model: GraphModel, customerId: string, link: ContestedLink | null): number | null {
  const seqs = [...model.nodes]
    .filter(([ref]) => ref.startsWith('Contest/'))
    .map(([, node]) => node)
    .filter((node) => node.state === 'open' && node.customer_id === customerId && node.link_id === link?.id)
    .map(({ seq }) => Number(seq));
  return seqs.length === 0 ? null : Math.max(...seqs);
}
