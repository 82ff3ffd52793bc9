/** Formats a story for the terminal. */

import { styleText } from 'node:util';
import type { RunFile } from '../../platform/run-file.ts';
import type { Check } from './check.ts';
import type { PlayedStory } from './play.ts';
import type { Story } from './stories.ts';

/** The part of a played story that is shown. */
export interface StoryResult
  extends Pick<PlayedStory, 'lines' | 'tookMs' | 'messages' | 'checks' | 'workflowId'> {
  story: Pick<Story, 'id' | 'title'>;
}

export function formatStory(played: StoryResult, addresses: RunFile): string {
  const { story, lines, tookMs, messages, checks, workflowId } = played;
  const link = `${addresses.temporal_ui}/namespaces/${addresses.temporal_namespace}/workflows/${encodeURIComponent(workflowId)}`;
  return [
    '',
    styleText('bold', story.title),
    ...lines.map((line) => `  · ${line}`),
    ...messages.map(({ to, subject }) => `  ✉ to ${to}: ${subject}`),
    `  ⏱ ${tookMs} ms from the report to the end`,
    `  ↗ ${link}`,
    ...checks.map((one) => `  ${formatCheck(one)}`),
  ].join('\n');
}

/** A part of the demo that is about no customer. */
export function formatPart(title: string, { lines, checks }: Pick<StoryResult, 'lines' | 'checks'>): string {
  return [
    '',
    styleText('bold', title),
    ...lines.map((line) => `  · ${line}`),
    ...checks.map((one) => `  ${formatCheck(one)}`),
  ].join('\n');
}

/** The failed checks, one line each. @param id of the story or part */
export function formatFailures(id: string, checks: readonly Check[]): string[] {
  return checks
    .filter(hasFailed)
    .map((one) => `${id}: ${one.label}: expected '${one.expected}', found '${one.actual}'`);
}

function formatCheck(one: Check): string {
  if (hasFailed(one))
    return styleText('red', `✗ ${one.label}: expected ${one.expected}, found ${one.actual}`);
  return styleText('green', `✓ ${one.label}: ${one.actual}`);
}

function hasFailed({ expected, actual }: Check): boolean {
  return expected !== actual;
}
