import { expect, test } from 'vitest';
import { contextChanges } from './context-changes.ts';
import type { RecordedEvent } from './events/event.ts';

const event = (fields: object) => fields as RecordedEvent;

test('a command changes the contexts of its customers, each with the newest version', () => {
  const seen = (stream_id: string, seq: number) => event({ stream: 'customer', stream_id, seq });
  expect(contextChanges([seen('c1', 4), seen('c1', 5), seen('c2', 1)])).toEqual([
    { customer_id: 'c1', version: 5 },
    { customer_id: 'c2', version: 1 },
  ]);
});

test('a device’s new score changes the contexts of the customers that it names, without a version', () => {
  const type = 'DeviceTrustScoreUpdated';
  const data = { customer_ids: ['c1', 'c2'] };
  const score = event({ stream: 'device', stream_id: 'd1', seq: 2, type, data });
  const registered = event({ stream: 'device', stream_id: 'd2', seq: 1, type: 'DeviceRegistered' });
  expect(contextChanges([score, registered])).toEqual([{ customer_id: 'c1' }, { customer_id: 'c2' }]);
});
