/** Checks a story's expected outcome against the graph, the ledger and the inbox. */

import type { GetRecoveryResponse } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { LedgerRow, Message, WalletRow } from './state-inspector.ts';
import type { Story } from './stories.ts';

export interface Check {
  label: string;
  expected: string;
  actual: string;
}

/** `methods`: ids of the story's cards by name; `tokens`: names of the cards by the gateway's token. */
export function check(
  { failure, expect }: Story,
  actual: {
    recovery: GetRecoveryResponse;
    wallet: WalletRow[];
    state: string | undefined;
    ledger: LedgerRow[];
    messages: Message[];
    methods: Map<string, string>;
    tokens: Map<string, string>;
  },
): Check[] {
  const { recovery, wallet, state, ledger, messages, methods, tokens } = actual;
  const rowOf = (name: string) => wallet.find((row) => row.payment_method_id === methods.get(name));
  const captured = ledger.filter((row) => row.status === 'succeeded');
  const failed = rowOf(failure.card);
  const defaultMethodId = wallet.find((row) => row.is_default)?.payment_method_id;
  const checks: Check[] = [
    { label: 'outcome', expected: expect.outcome, actual: recovery.outcome ?? recovery.state },
    { label: 'decline class', expected: expect.class, actual: recovery.class },
    { label: 'obligation in the graph', expected: expect.outcome, actual: state ?? 'none' },
    {
      label: 'captured in the gateway’s ledger',
      expected: expect.charged ? `${expect.charged}: ${failure.amount} ${failure.currency}` : 'nothing',
      actual:
        captured
          .map((row) => `${tokens.get(row.payment_method)}: ${row.amount} ${row.currency.toUpperCase()}`)
          .join(', ') || 'nothing',
    },
    {
      label: 'charge requests received by the gateway',
      expected: expect.charged ? '1' : '0',
      actual: String(ledger.reduce((sum, row) => sum + row.requests, 0)),
    },
    {
      label: 'default payment method',
      expected: expect.default,
      actual: [...methods].find(([, id]) => id === defaultMethodId)?.[0] ?? 'none',
    },
    {
      label: 'notices',
      expected: expect.notices.join(', '),
      actual: messages.map(({ template }) => template).join(', '),
    },
    {
      label: 'words in notices that disclose the reason',
      expected: 'none',
      actual:
        messages
          .map(
            ({ subject, text }) =>
              /stolen|lost|fraud|reported|insufficient|velocity/i.exec(`${subject} ${text}`)?.[0],
          )
          .find(Boolean) ?? 'none',
    },
  ];
  if (expect.status_of_failed) {
    checks.push({
      label: `status of the ${failure.card}`,
      expected: expect.status_of_failed,
      actual: failed?.status ?? 'none',
    });
  }
  if (expect.consent_of_failed !== undefined) {
    checks.push({
      label: `consent on the ${failure.card}`,
      expected: String(expect.consent_of_failed),
      actual: String(failed?.off_session_consent),
    });
  }
  return checks;
}
