import { type Difference, openConfiguredGraph } from '../../graph/index.ts';
import { type VerificationTotals, verifyAll, verifyCustomer } from '../../graph/replay/verify.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import type { Answer } from '../answer.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';

/**
 * Replays the log in memory and compares it with the graph.
 * @param customerId - `undefined`: everybody
 * @throws EnvironmentError without the keys that open the log; PersonaError customer_not_found, graph_unavailable
 */
export async function verify(settings: Settings, customerId: string | undefined): Promise<Answer> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    if (customerId !== undefined) {
      const differences = await verifyCustomer(graph, customerId);
      return answer({ customer_id: customerId, differences }, differences, `Customer ${customerId} is`);
    }
    const differences: Difference[] = [];
    const totals = await verifyAll(graph, { onDifference: (difference) => differences.push(difference) });
    return answer({ ...totals, differences }, differences, summary(totals));
  } finally {
    await graph.close();
  }
}

function answer(document: object, differences: readonly Difference[], subject: string): Answer {
  if (differences.length === 0) return { document, text: `${subject} what the log says.` };
  const lines = differences.map(
    ({ where, property, expected, found }) =>
      `${where}\n  ${property}: expected ${said(expected)}, found ${said(found)}`,
  );
  const count = differences.length === 1 ? '1 difference' : `${differences.length} differences`;
  return {
    document,
    text: `${lines.join('\n')}\n${subject} not what the log says: ${count}.`,
    exitCode: ExitCode.badAnswer,
  };
}

function summary({ customers, devices, events }: VerificationTotals): string {
  return `The graph (${customers} customers, ${devices} devices, ${events} events) is`;
}

function said(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
