/** `persona contests` on a real graph and a real Temporal. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { contestWorkflowId } from '../domain/workflow-contracts.ts';
import { contestEvent, decideContest, getDevices } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { testHeader } from '../test/test-graph.ts';
import { customerWithCards } from '../test/wallet-fixtures.ts';
import { connectRealServers, runPersona, signalsOf } from './cli-fixtures.ts';

const servers = connectRealServers();

/** The first login of a customer's device, contested. */
async function contestedDevice() {
  const { graph, client } = servers;
  const { customer_id } = await customerWithCards(graph, readPolicy(), { cards: 1 });
  const [{ device_id } = expect.fail()] = await getDevices(graph, { customer_id });
  const [event = expect.fail()] = await graph.read<{ seq: number }>(
    "MATCH (e:PersonaEvent {stream_id: $customer_id, type: 'DeviceLinked'}) WHERE e.seq > 0 RETURN e.seq AS seq",
    { customer_id },
  );
  const contested = { customer_id, seq: event.seq };
  const { contest_id } = await contestEvent(graph, testHeader(), { ...contested, reason: 'Never mine.' });
  onTestFinished(async () => {
    await client.workflow
      .getHandle(contestWorkflowId(contest_id))
      .terminate()
      .catch(() => {});
  });
  return {
    ...contested,
    contest_id,
    device_id,
    signals: () => signalsOf(client, contestWorkflowId(contest_id)),
  };
}

/** Other test files leave contests, too. */
async function listed(command: string[], customer_ids: readonly string[]) {
  const all: { customer_id: string; opened_seq: number }[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await runPersona(
      ...command,
      '--limit',
      '1',
      ...(cursor ? ['--cursor', cursor] : []),
      '--json',
    );
    expect(page).toMatchObject({ code: 0, err: '' });
    const { items, next_cursor } = JSON.parse(page.out);
    all.push(...items);
    cursor = next_cursor;
  }
  return all.filter(({ customer_id }) => customer_ids.includes(customer_id));
}

test('open contests are listed wherever something awaits an operator, and upholding one removes what it names', async () => {
  const [first, second] = [await contestedDevice(), await contestedDevice()];
  const customers = [first.customer_id, second.customer_id];
  const expected = [first, second].map(({ contest_id, customer_id, seq }) => ({
    ...{ contest_id, customer_id, seq, event_type: 'DeviceLinked', since: expect.any(String) },
    opened_seq: expect.any(Number),
  }));
  expect(await listed(['contests', 'list'], customers)).toEqual(
    expected.map((one) => ({ ...one, overdue: false })),
  );
  expect(await listed(['review', 'list'], customers)).toEqual(
    expected.map((one) => ({ kind: 'contest', ...one })),
  );

  const { contest_id, device_id } = first;
  const [{ opened_seq } = expect.fail()] = await listed(['contests', 'list'], customers);
  const shown = await runPersona('contests', 'show', contest_id);
  expect(shown).toMatchObject({ code: 0, err: '' });
  for (const text of [
    'Never mine.',
    'A device was used with your account',
    `unlinkDevice:${device_id}`,
    `${opened_seq}, `,
  ])
    expect(shown.out).toContain(text);

  const why = ['--explanation', 'You are right.'];
  const decide = (...opening: string[]) =>
    runPersona('contests', 'decide', contest_id, 'upheld', ...why, ...opening);
  expect(await decide('--opening', `${opened_seq - 1}`)).toMatchObject({
    code: 1,
    out: expect.stringContaining(`is not the last one, which is ${opened_seq}`),
  });
  expect(await first.signals()).toEqual([]);
  const decided = await decide('--opening', `${opened_seq}`);
  expect(decided).toMatchObject({ code: 0, err: '' });
  expect(await first.signals()).toEqual([
    [
      'contestDecision',
      {
        ...{ decision: 'upheld', opened_seq, explanation: 'You are right.', actor: expect.any(String) },
        corrections: [{ command: 'unlinkDevice', device_id }],
      },
    ],
  ]);
  await runPersona('contests', 'decide', second.contest_id, 'upheld', ...why, '--no-correction');
  expect(await second.signals()).toMatchObject([['contestDecision', { corrections: [] }]]);
  const { customer_id, seq } = first;
  const rejected = { customer_id, seq, decision: 'rejected', corrections: [], explanation: 'x' } as const;
  await decideContest(servers.graph, testHeader(), rejected);
  expect(await decide()).toMatchObject({
    code: 1,
    out: expect.stringContaining('was decided before'),
  });
});

test('a decision that breaks a rule is not sent', async () => {
  const { contest_id, signals } = await contestedDevice();
  const unlink = ['--correct', `unlinkDevice:${randomUUID()}`];
  const decide = (...args: string[]) => runPersona('contests', 'decide', ...args);
  expect(await decide(contest_id, 'rejected', '--explanation', 'x', ...unlink)).toMatchObject({
    code: 1,
    err: expect.stringContaining('corrections: must be empty'),
  });
  for (const id of ['nothing', `${randomUUID()}:1`])
    expect(await decide(id, 'upheld', '--explanation', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('No such contest'),
    });
  expect(await signals()).toEqual([]);
});
