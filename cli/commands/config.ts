import type { z } from 'zod';
import type { Policy } from '../../domain/policy.ts';
import { readPolicy } from '../../platform/policy.ts';
import { Secret } from '../../platform/secret.ts';
import { apiVariables, commonVariables, workerVariables } from '../../platform/variables.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { table } from '../tables.ts';

/** Where a value comes from. */
type Source = 'environment' | 'run file' | 'default' | 'not set';

interface EffectiveVariable {
  /** Secrets are masked. */
  value: string | null;
  source: Source;
  /** The rule that it breaks. */
  problem?: string;
}

const VARIABLES: Record<string, z.ZodType> = { ...commonVariables, ...apiVariables, ...workerVariables };

/** The effective environment and policy. @throws PolicyError */
export function showConfig(settings: Settings): CommandResult {
  const environment = Object.fromEntries(
    Object.entries(VARIABLES).map(([name, schema]) => [name, effectiveVariable(name, schema, settings)]),
  );
  const policy = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const rows = Object.entries(environment).map(([name, { value, source, problem }]) => [
    name,
    value,
    problem === undefined ? source : `${source}: ${problem}`,
  ]);
  const hasProblem = Object.values(environment).some(({ problem }) => problem !== undefined);
  return {
    document: { environment, policy },
    text: [
      table(['variable', 'value', 'from'], rows, ''),
      '',
      table(['policy (durations in milliseconds)', 'value'], flatten(policy), ''),
    ].join('\n'),
    ...(hasProblem && { exitCode: ExitCode.failed }),
  };
}

function effectiveVariable(name: string, schema: z.ZodType, settings: Settings): EffectiveVariable {
  const rawValue = settings.variables[name];
  const parsed = schema.safeParse(rawValue);
  const source = settings.fromRunFile.has(name) ? 'run file' : 'environment';
  if (rawValue === undefined) {
    const defaultValue = parsed.success ? parsed.data : undefined;
    return defaultValue === undefined
      ? { value: null, source: 'not set' }
      : { value: displayText(defaultValue), source: 'default' };
  }
  // An invalid value may still be a secret.
  if (!parsed.success)
    return { value: '[not shown]', source, problem: parsed.error.issues[0]?.message ?? 'is not valid' };
  return { value: parsed.data instanceof Secret ? String(parsed.data) : rawValue, source };
}

const displayText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Paths such as `recovery.window` with their values, one per line. */
function flatten(policy: Policy): [string, string][] {
  const lines = (value: unknown, path: string): [string, string][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, item]) => lines(item, path === '' ? key : `${path}.${key}`))
      : [[path, Array.isArray(value) ? value.map(displayText).join(' ') : displayText(value)]];
  return lines(policy, '');
}
