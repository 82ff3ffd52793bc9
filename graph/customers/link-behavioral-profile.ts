import { v7 as uuidv7 } from 'uuid';
import { validationError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';

const PROFILE_OF = `
  MATCH (:Customer {id: $customer_id})-[:HAS_BEHAVIORAL_PROFILE]->(b:BehavioralProfile)
  RETURN b.id AS profile_id, b.baseline_data_ref AS baseline_data_ref
  ORDER BY b.last_updated DESC, profile_id LIMIT 1`;

/**
 * Links the baseline that Chimera created for a customer; a newer one replaces the older.
 * @throws PersonaError invalid_argument (the reference is empty), customer_not_found
 */
export async function linkBehavioralProfile(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; baseline_data_ref: string },
): Promise<{ profile_id: string; version: number }> {
  const { customer_id, baseline_data_ref } = input;
  if (baseline_data_ref.trim() === '')
    throw validationError([{ field: 'baseline_data_ref', message: 'must not be empty' }]);
  return runCommand(graph, header, 'linkBehavioralProfile', input, async (tx) => {
    const [, [known]] = await Promise.all([
      tx.lockCustomer(customer_id),
      tx.run<{ profile_id: string; baseline_data_ref: string }>(PROFILE_OF, { customer_id }),
    ]);
    const profile_id = known?.profile_id ?? uuidv7();
    if (known?.baseline_data_ref !== baseline_data_ref) {
      tx.append({
        stream: 'customer',
        stream_id: customer_id,
        type: 'BehavioralProfileLinked',
        data: { profile_id, baseline_data_ref },
      });
    }
    return { profile_id, version: tx.versionOf(customer_id) };
  });
}
