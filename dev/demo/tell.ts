/** How a story is told on the terminal. */

import { styleText } from 'node:util';
import type { RunFile } from '../../platform/run-file.ts';
import type { Check } from './check.ts';
import type { Played } from './play.ts';
import type { Story } from './stories.ts';

/** What is told of a story. */
export interface Told extends Pick<Played, 'lines' | 'tookMs' | 'messages' | 'checks' | 'workflowId'> {
  story: Pick<Story, 'id' | 'title'>;
}

export function tell(played: Told, addresses: RunFile): string {
  const { story, lines, tookMs, messages, checks, workflowId } = played;
  const link = `${addresses.temporal_ui}/namespaces/${addresses.temporal_namespace}/workflows/${encodeURIComponent(workflowId)}`;
  return [
    '',
    styleText('bold', story.title),
    ...lines.map((line) => `  · ${line}`),
    ...messages.map(({ to, subject }) => `  ✉ to ${to}: ${subject}`),
    `  ⏱ ${tookMs} ms from the signal to the end`,
    `  ↗ ${link}`,
    ...checks.map((one) => `  ${mark(one)}`),
  ].join('\n');
}

/** What is wrong, a line each; empty if all is well. */
export function failures({ story, checks }: Told): string[] {
  return checks
    .filter(isWrong)
    .map((one) => `${story.id}: ${one.what} must be '${one.expected}' and is '${one.found}'`);
}

function mark(one: Check): string {
  if (isWrong(one)) return styleText('red', `✗ ${one.what}: expected ${one.expected}, found ${one.found}`);
  return styleText('green', `✓ ${one.what}: ${one.found}`);
}

function isWrong({ expected, found }: Check): boolean {
  return expected !== found;
}
