/** What must have come of a story, against what the graph, the ledger and the inbox say. */

import type { GetRecoveryResponse } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { LedgerRow, Message, WalletRow } from './evidence.ts';
import type { Story } from './stories.ts';

export interface Check {
  what: string;
  expected: string;
  found: string;
}

/** `methods`: the ids of the story's cards by their names; `tokens`: their names by the gateway's tokens. */
export function check(
  { failure, expect }: Story,
  found: {
    recovery: GetRecoveryResponse;
    wallet: WalletRow[];
    state: string | undefined;
    ledger: LedgerRow[];
    messages: Message[];
    methods: Map<string, string>;
    tokens: Map<string, string>;
  },
): Check[] {
  const { recovery, wallet, state, ledger, messages, methods, tokens } = found;
  const rowOf = (name: string) => wallet.find((row) => row.payment_method_id === methods.get(name));
  const captured = ledger.filter((row) => row.status === 'succeeded');
  const failed = rowOf(failure.card);
  const standard = wallet.find((row) => row.is_default)?.payment_method_id;
  const checks: Check[] = [
    { what: 'outcome', expected: expect.outcome, found: recovery.outcome ?? recovery.state },
    { what: 'decline class', expected: expect.class, found: recovery.class },
    { what: 'obligation in the graph', expected: expect.outcome, found: state ?? 'none' },
    {
      what: 'captured in the gateway’s ledger',
      expected: expect.charged ? `${expect.charged}: ${failure.amount} ${failure.currency}` : 'nothing',
      found:
        captured
          .map((row) => `${tokens.get(row.payment_method)}: ${row.amount} ${row.currency.toUpperCase()}`)
          .join(', ') || 'nothing',
    },
    {
      what: 'requests to charge that reached the gateway',
      expected: expect.charged ? '1' : '0',
      found: String(ledger.reduce((sum, row) => sum + row.requests, 0)),
    },
    {
      what: 'default afterwards',
      expected: expect.default,
      found: [...methods].find(([, id]) => id === standard)?.[0] ?? 'none',
    },
    {
      what: 'notices',
      expected: expect.notices.join(', '),
      found: messages.map(({ template }) => template).join(', '),
    },
    {
      what: 'no notice gives the reason away',
      expected: 'no such word',
      found:
        messages
          .map(
            ({ subject, text }) =>
              /stolen|lost|fraud|reported|insufficient|velocity/i.exec(`${subject} ${text}`)?.[0],
          )
          .find(Boolean) ?? 'no such word',
    },
  ];
  if (expect.status_of_failed) {
    checks.push({
      what: `status of the ${failure.card}`,
      expected: expect.status_of_failed,
      found: failed?.status ?? 'none',
    });
  }
  if (expect.consent_of_failed !== undefined) {
    checks.push({
      what: `consent on the ${failure.card}`,
      expected: String(expect.consent_of_failed),
      found: String(failed?.off_session_consent),
    });
  }
  return checks;
}
