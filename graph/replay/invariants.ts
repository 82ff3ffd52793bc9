/** Rules that hold between nodes (docs/reference/graph.md, 'Invariants'), regardless of the log. */

import { isDisputed } from '../../domain/disputes.ts';
import { mayBeDefault } from '../../domain/wallet.ts';
import { attemptKey, erasedAttemptKey } from '../../domain/workflow-contracts.ts';
import { type Difference, type GraphModel, LABELS, type Properties, splitRef } from '../events/model.ts';
import { UNRESOLVED } from '../recovery/records.ts';
import { brokenRules } from './property-rules.ts';

/** Every rule that a part of the live graph breaks. */
export function brokenInvariants(live: GraphModel): Difference[] {
  return [...propertyRules(live), ...defaults(live), ...obligations(live), ...attempts(live)];
}

function propertyRules(live: GraphModel): Difference[] {
  return LABELS.flatMap((label) =>
    nodesOf(live, label).flatMap(([where, node]) =>
      brokenRules(label, node).map(({ property, description }) => ({
        where,
        property,
        expected: description,
        found: node[property] ?? null,
      })),
    ),
  );
}

/**
 * Invariant 1: a default is active, proven, not disputed and not quarantined, and a customer with such a method has
 * exactly one default.
 */
function defaults(live: GraphModel): Difference[] {
  return nodesOf(live, 'Customer').flatMap(([customer]) => {
    const wallet = live.edgesFrom(customer, 'HAS_PAYMENT_METHOD');
    const isEligible = ({ to, properties }: (typeof wallet)[number]) =>
      mayBeDefault({ ...live.nodes.get(to), ...properties } as Parameters<typeof mayBeDefault>[0]);
    const currentDefaults = wallet.filter(({ properties }) => properties.is_default === true);
    const invalidDefaults = currentDefaults.filter((edge) => !isEligible(edge));
    const expectedCount = wallet.some(isEligible) ? 1 : 0;
    return [
      ...wallet
        .filter(({ properties }) => !isDisputeMarkCorrect(properties))
        .map((edge) => ({
          where: edge.to,
          property: 'rule',
          expected: 'disputed if and only if one of its disputes is open or lost',
          found: JSON.stringify([edge.properties.disputed ?? null, edge.properties.disputes ?? []]),
        })),
      ...invalidDefaults.map((edge) => ({
        where: edge.to,
        property: 'rule',
        expected: 'a default is active and proven',
        found: `default, ${live.nodes.get(edge.to)?.status}, ${edge.properties.proven ? 'proven' : 'not proven'}${edge.properties.disputed === true ? ', disputed' : ''}`,
      })),
      ...(currentDefaults.length === expectedCount || invalidDefaults.length > 0
        ? []
        : [
            {
              where: customer,
              property: 'number of defaults',
              expected: expectedCount,
              found: currentDefaults.length,
            },
          ]),
    ];
  });
}

function isDisputeMarkCorrect({ disputed, disputes }: Properties): boolean {
  return (disputed === true) === isDisputed((disputes ?? []) as string[]);
}

const CLOSED_UNPAID: ReadonlySet<unknown> = new Set(['stopped', 'exhausted', 'cancelled']);

/** Invariant 7: paid at most once, and the obligation's state agrees with its attempts. */
function obligations(live: GraphModel): Difference[] {
  return nodesOf(live, 'Obligation').flatMap(([where, obligation]) => {
    const own = nodesOf(live, 'ChargeAttempt')
      .map(([, attempt]) => attempt)
      .filter(({ payment_id, source }) => payment_id === obligation.payment_id && source === 'recovery');
    const paid = own.filter(({ state, overpaid }) => state === 'approved' && overpaid !== true).length;
    const unresolved = own.filter(isUnresolved).length;
    const { state } = obligation;
    const closed = state !== 'open' && state !== 'needs_review';
    const rules: [boolean, string, string][] = [
      [paid <= 1, 'at most one approved attempt that is not overpaid', `${paid}`],
      [
        paid > 0 === (state === 'recovered'),
        'recovered if and only if an attempt was approved',
        `${state}, ${paid} approved`,
      ],
      [unresolved <= 1, 'at most one unresolved attempt', `${unresolved}`],
      [
        unresolved === 0 || !CLOSED_UNPAID.has(state),
        'not closed unpaid while an attempt is unresolved',
        `${state}, ${unresolved} unresolved`,
      ],
      [
        closed === Boolean(obligation.closed_at),
        'closed_at if and only if it is closed',
        `${state}, closed_at ${String(obligation.closed_at)}`,
      ],
    ];
    return violations(where, rules);
  });
}

function attempts(live: GraphModel): Difference[] {
  return nodesOf(live, 'ChargeAttempt').flatMap(([where, attempt]) => {
    const { key, n, payment_id, payment_method_id, state, source, overpaid, resolved_at } = attempt;
    const own = source === 'recovery';
    // Erasure has left it without its method.
    const method = payment_method_id as string | undefined;
    const expectedKey =
      method !== undefined
        ? attemptKey(String(payment_id), method, Number(n))
        : erasedAttemptKey(String(payment_id), Number(n));
    return violations(where, [
      [!own || key === expectedKey, `the key of its payment, method and number: ${expectedKey}`, String(key)],
      [overpaid !== true || state === 'approved', 'overpaid only if approved', String(state)],
      [
        !own || isUnresolved(attempt) === !resolved_at,
        'resolved_at if and only if the outcome is known',
        `${state}, resolved_at ${String(resolved_at)}`,
      ],
    ]);
  });
}

const isUnresolved = ({ state }: Properties) => (UNRESOLVED as readonly unknown[]).includes(state);

function violations(
  where: string,
  rules: readonly [holds: boolean, expected: string, found: string][],
): Difference[] {
  return rules
    .filter(([holds]) => !holds)
    .map(([, expected, found]) => ({ where, property: 'rule', expected, found }));
}

function nodesOf(live: GraphModel, label: string): [string, Properties][] {
  return [...live.nodes].filter(([where]) => splitRef(where).label === label);
}
