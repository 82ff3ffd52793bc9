import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { EDGE_FIELDS, NODE_FIELDS, UNPROVEN_FIELDS } from '../domain/export/fields.ts';
import { shownFields, shownNotice } from '../domain/export/shown.ts';
import { PersonaError } from '../domain/errors.ts';
import type { AttemptStatus } from '../domain/recovery/status.ts';
import type { Unseal } from '../domain/timeline-data.ts';
import {
  exportedAddresses,
  exportedAttempts,
  exportedBehavioralProfiles,
  exportedContests,
  exportedDevices,
  exportedIdentifiers,
  exportedMethods,
  exportedNotes,
  exportedNotices,
  exportedObligations,
  exportedSuggestions,
  readExportProfile,
  readExportVersion,
  type StoredMethod,
  type StoredObligation,
  type StoredPart,
} from '../graph/export/index.ts';
import { getDisclosures, getEventDetails, type Graph, isGraphAway } from '../graph/index.ts';
import { recoveryStatusOf } from '../graph/recovery/index.ts';
import type { Caller } from './caller.ts';
import { attemptText, recoveryText } from './recovery-text.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

/** Where the JSON schema of the document is served. */
export const EXPORT_SCHEMA = '/schemas/export.v1.json';
/** A reader that takes longer is ended. */
export const MAX_EXPORT_MS = 15 * 60_000;
/** Events per part: half a megabyte at most. */
const EVENTS = 500;
/** A long document takes hundreds of reads: one that fails would cost the reader everything that has arrived. */
const AGAIN = {
  maxAttempts: 6,
  backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 5_000 }),
};

type Properties = Record<string, unknown>;

/**
 * Everything that Persona holds of a customer (docs/privacy.md, 'Export').
 *
 * @returns the document as JSON, in parts that are read when they are taken. Only complete does it parse; taking a part
 *   may throw PersonaErrors: customer_not_found (erased or hidden meanwhile), deadline_exceeded, graph_unavailable
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function exportCustomer(
  dependencies: Pick<ServiceDependencies, 'graph'>,
  { signal }: Pick<Caller, 'signal'>,
  ids: { customer_id: string },
): Promise<{ parts: AsyncGenerator<string> }> {
  // Nothing has been sent yet: this failure is an answer.
  const { customer, unseal } = await readExportProfile(dependencies.graph, ids);
  const graph = readingAgain(dependencies.graph, signal);
  const exportedAt = new Date(graph.now()).toISOString();
  const endsAt = performance.now() + MAX_EXPORT_MS;

  /** A member that is an array, page by page. */
  async function* list<Row>(
    name: string,
    pages: AsyncIterable<Row[]> | Iterable<Row[]>,
    show: (row: Row) => unknown,
  ): AsyncGenerator<string> {
    yield `,\n"${name}": [`;
    let separator = '\n';
    for await (const page of pages) {
      if (signal.aborted || performance.now() > endsAt)
        throw new PersonaError('deadline_exceeded', 'the export was not read in time');
      yield separator + page.map((row) => JSON.stringify(show(row))).join(',\n');
      separator = ',\n';
    }
    yield ']';
  }

  async function* events(last: number) {
    for (let after = 0; after < last; ) {
      const page = await getEventDetails(graph, { ...ids, after, limit: Math.min(EVENTS, last - after) });
      if (page.length === 0) return;
      yield page;
      after = page.at(-1)?.seq ?? last;
    }
  }

  async function* parts(): AsyncGenerator<string> {
    const head = { $schema: EXPORT_SCHEMA, ...ids, exported_at: exportedAt };
    yield `${JSON.stringify(head).slice(0, -1)},\n"profile": `;
    yield JSON.stringify(shownFields(NODE_FIELDS.Customer, customer));
    yield* list('identifiers', exportedIdentifiers(graph, ids), (part) =>
      shownPart('DigitalIdentifier', 'HAS_DIGITAL_IDENTIFIER', part, unseal),
    );
    yield* list('addresses', exportedAddresses(graph, ids), (part) =>
      shownPart('Address', 'SHIPPED_TO', part, unseal),
    );
    yield* list('behavioral_profiles', exportedBehavioralProfiles(graph, ids), (part) =>
      shownPart('BehavioralProfile', 'HAS_BEHAVIORAL_PROFILE', part, unseal),
    );
    yield* list('devices', exportedDevices(graph, ids), (part) =>
      shownPart('Device', 'LOGGED_IN_FROM', part, unseal),
    );
    yield* list('payment_methods', exportedMethods(graph, ids), (part) => shownMethod(part, unseal));
    yield* list('obligations', exportedObligations(graph, ids), shownObligation);
    yield* list('other_attempts', exportedAttempts(graph, ids), ({ node }) => shownAttempt(node));
    yield* list('notices', exportedNotices(graph, ids), ({ node }) => shownNotice(node));
    yield* list('suggestions', exportedSuggestions(graph, ids), ({ edge }) =>
      shownFields(EDGE_FIELDS.POSSIBLY_SAME_AS, edge),
    );
    yield* list('notes', exportedNotes(graph, ids), ({ node }) => shownNote(node, unseal));
    yield* list('contests', exportedContests(graph, ids), ({ node }) => shownContest(node, unseal));
    yield* list('disclosures', [await getDisclosures(graph, ids)], (disclosure) => disclosure);
    // Read after everything that is stored: whatever of it an event has changed, that event follows.
    const version = await readExportVersion(graph, ids);
    yield `,\n"version": ${version}`;
    yield* list('events', events(version), (event) => event);
    // A customer who was hidden meanwhile must not leave a document that looks complete.
    await readExportVersion(graph, ids);
    yield '}\n';
  }
  return { parts: parts() };
}

/** The same graph; reads that Neo4j does not answer are repeated for a while. */
function readingAgain(graph: Graph, signal: AbortSignal): Graph {
  const again = retry(handleWhen(isGraphAway), AGAIN);
  return {
    ...graph,
    read: (cypher, parameters) => again.execute(() => graph.read(cypher, parameters), signal),
  };
}

function shownPart(
  label: keyof typeof NODE_FIELDS,
  type: keyof typeof EDGE_FIELDS,
  { node, edge }: StoredPart,
  unseal: Unseal,
): Properties {
  const open = (sealed: string, field: string) => unseal(sealed, label, String(node.id), field);
  // Contests apart: a person sees what they contest.
  const isProven = (edge.uncontested_proven ?? edge.proven) !== false;
  const fields = (isProven ? undefined : UNPROVEN_FIELDS[label]) ?? NODE_FIELDS[label];
  return { ...shownFields(fields, node, open), ...shownFields(EDGE_FIELDS[type], edge) };
}

function shownMethod(method: StoredMethod, unseal: Unseal): Properties {
  const used_on = method.uses.map(({ device_id, ...use }) => ({
    device_id,
    ...shownFields(EDGE_FIELDS.USED_ON, use),
  }));
  return { ...shownPart('PaymentMethod', 'HAS_PAYMENT_METHOD', method, unseal), used_on };
}

function shownObligation({ obligation, attempts, overpayments, refunds }: StoredObligation): Properties {
  const status = recoveryStatusOf({ obligation, attempts });
  return {
    ...shownFields(NODE_FIELDS.Obligation, { ...obligation }),
    ...(status && { reason_text: recoveryText(status) }),
    attempts: attempts.map((attempt) => shownAttempt({ ...attempt })),
    overpayments: overpayments.map((one) => shownFields(NODE_FIELDS.Overpayment, one)),
    refunds: refunds.map((one) => shownFields(NODE_FIELDS.Refund, one)),
  };
}

function shownAttempt(node: Properties): Properties {
  return {
    ...shownFields(NODE_FIELDS.ChargeAttempt, node),
    reason_text: attemptText(node as Pick<AttemptStatus, 'state' | 'class'>),
  };
}

function shownContest(node: Properties, unseal: Unseal): Properties {
  return shownFields(NODE_FIELDS.Contest, node, (sealed, field) =>
    unseal(sealed, 'Contest', String(node.contest_id), field),
  );
}

function shownNote({ customer_id, about_seq, text, noted_at }: Properties, unseal: Unseal): Properties {
  return {
    seq: about_seq,
    text: unseal(String(text), 'Note', `${customer_id}:${about_seq}`, 'text'),
    noted_at,
  };
}
