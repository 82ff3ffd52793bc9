import { expect, test } from 'vitest';
import { PersonaError } from '../../../domain/errors.ts';
import type { Services } from '../../../services/services.ts';
import { fakeServices, silentObservers, testAppOptions } from '../../fakes.ts';
import { createApp } from '../app.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const PATH = `/api/v1/customers/${CUSTOMER}/identifiers/0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22/verify`;
const MARK = 'challenge-7f3a91';

test.each([
  ['that fails', MARK, 500],
  ['that is invalid', `${MARK}\n`, 422],
])(
  'a verification %s is logged for a service and the customer, without the evidence',
  async (_, evidence, status) => {
    const lines: string[] = [];
    const callers: string[] = [];
    const services: Partial<Services> = {
      async verifyIdentifier({ caller, actor }) {
        callers.push(caller, actor);
        throw new PersonaError('internal', 'the graph has a fault');
      },
    };
    const app = createApp(
      fakeServices(services),
      silentObservers((line) => lines.push(line)),
      testAppOptions,
    );
    const response = await app.request(PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
      body: JSON.stringify({ evidence }),
    });
    expect([response.status, callers]).toEqual([
      status,
      status === 500 ? [`customer:${CUSTOMER}`, `customer:${CUSTOMER}`] : [],
    ]);
    expect(await response.text()).not.toContain(MARK);
    expect(lines.join('\n')).toContain('/identifiers/:identifier_id/verify');
    if (status === 500) expect(lines.join('\n')).toContain(CUSTOMER);
    expect(lines.join('\n')).not.toContain(MARK);
  },
);
