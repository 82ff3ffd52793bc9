/**
 * Whether an edge of a customer is proven. While an event that made it is contested, the edge is not proven, and
 * `uncontested_proven` holds what it is otherwise; so readers of `proven` need not know of contests.
 */

import type { Properties } from './model.ts';

/** Cypher: the assignments that set whether the edge is proven. @param value must not be null */
export const setProven = (edge: string, value: string) =>
  `${edge}.uncontested_proven = CASE WHEN ${edge}.contested_seq IS NOT NULL THEN ${value} END,
        ${edge}.proven = ${value} AND ${edge}.contested_seq IS NULL`;

/** Cypher: whether the edge is proven, contests apart. */
export const provenOtherwise = (edge: string) => `coalesce(${edge}.uncontested_proven, ${edge}.proven)`;

/** The same assignment in memory. */
export function foldProven(edge: Properties, proven: boolean): void {
  const isContested = typeof edge.contested_seq === 'number';
  edge.uncontested_proven = isContested ? proven : null;
  edge.proven = proven && !isContested;
}
