import { isBlocked } from '../../domain/blocked-values.ts';
import { validationError } from '../../domain/errors.ts';
import { normaliseIdentifier } from '../../domain/identity.ts';
import type { IdentifierDetails } from '../../domain/onboarding/types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Graph } from '../kernel/graph.ts';
import { findByHashes } from '../kernel/identity-locks.ts';

const OWNER = `
  UNWIND $value_hashes AS value_hash
  MATCH (i:DigitalIdentifier {type: $type, value_hash: value_hash})<-[h:HAS_DIGITAL_IDENTIFIER]-(c:Customer)
  WHERE NOT c.status IN ['erasing', 'erased']
  RETURN c.id AS customer_id, i.is_verified AS is_verified ORDER BY h.linked_at, customer_id LIMIT 1`;

/**
 * The customer with this e-mail address or phone number. A blocked value matches no customer.
 * @throws PersonaError invalid_argument
 */
export async function findCustomerByDigitalId(
  graph: Graph,
  input: { type: IdentifierDetails['type']; value: string; policy: Pick<Policy, 'onboarding'> },
): Promise<{ customer_id: string; is_verified: boolean } | undefined> {
  const { type, policy } = input;
  const normalised = normaliseIdentifier(type, input.value, policy.onboarding.phoneRegion);
  if (!normalised.ok) throw validationError([{ field: 'value', message: normalised.problem }]);
  if (isBlocked(type, normalised.value, policy.onboarding.blockedValues)) return undefined;
  const value_hashes = graph.blindIndex.hashes(type, normalised.value);
  const [row] = await findByHashes<{ customer_id: string; is_verified: boolean }>(graph, value_hashes, {
    cypher: OWNER,
    parameters: { type, value_hashes },
  });
  return row;
}
