import { type Difference, openConfiguredGraph } from '../../graph/index.ts';
import { type VerificationTotals, verifyAll, verifyCustomer } from '../../graph/replay/verify.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';

/**
 * Replays the event log in memory and compares it with the graph.
 * @param customerId - `undefined`: every customer
 * @throws EnvironmentError without the keys that open the log; PersonaError customer_not_found, graph_unavailable
 */
export async function verify(settings: Settings, customerId: string | undefined): Promise<CommandResult> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    if (customerId !== undefined) {
      const differences = await verifyCustomer(graph, customerId);
      return toCommandResult({ customer_id: customerId, differences }, differences, `Customer ${customerId}`);
    }
    const differences: Difference[] = [];
    const totals = await verifyAll(graph, { onDifference: (difference) => differences.push(difference) });
    return toCommandResult({ ...totals, differences }, differences, summary(totals));
  } finally {
    await graph.close();
  }
}

function toCommandResult(
  document: object,
  differences: readonly Difference[],
  subject: string,
): CommandResult {
  if (differences.length === 0) return { document, text: `${subject} matches the event log.` };
  const lines = differences.map(
    ({ where, property, expected, found }) =>
      `${where}\n  ${property}: expected ${valueText(expected)}, found ${valueText(found)}`,
  );
  const count = differences.length === 1 ? '1 difference' : `${differences.length} differences`;
  return {
    document,
    text: `${lines.join('\n')}\n${subject} does not match the event log: ${count}.`,
    exitCode: ExitCode.failed,
  };
}

function summary({ customers, devices, personas, events }: VerificationTotals): string {
  return `The graph (${customers} customers, ${devices} devices, ${personas} personas, ${events} events)`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
