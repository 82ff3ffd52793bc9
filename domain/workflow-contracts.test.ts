import { expect, test } from 'vitest';
import { followGatewayWorkflowId, type GatewayChange } from './workflow-contracts.ts';

const idOf = (change: object) => followGatewayWorkflowId({ event_id: 'evt_1', ...change } as GatewayChange);

test('an unreadable mandate blocks neither other changes of its method nor another mandate', () => {
  const mandate = { changed: 'mandate', payment_method_id: 'm-1', mandate_ref: 'mandate_1' };
  const ids = [
    idOf(mandate),
    idOf({ ...mandate, mandate_ref: 'mandate_2' }),
    idOf({ ...mandate, payment_method_id: 'm-2' }),
    idOf({ changed: 'payment_method', payment_method_id: 'm-1' }),
  ];
  expect(new Set(ids).size).toBe(4);
  expect(idOf({ ...mandate, event_id: 'evt_2' })).toBe(ids[0]);
});
