import type { z } from 'zod';
import type { Policy } from '../../domain/policy.ts';
import { EnvironmentError } from '../../platform/environment.ts';
import { decryptKmsKeys } from '../../platform/kms-keys.ts';
import { readPolicy } from '../../platform/policy.ts';
import { Secret } from '../../platform/secret.ts';
import {
  apiVariables,
  commandVariables,
  commonVariables,
  workerVariables,
} from '../../platform/variables.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings, Variables } from '../settings.ts';
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

/** User and password of an address. */
const URL_CREDENTIALS = /\/\/[^/\s]*@/;

const VARIABLES: Record<string, z.ZodType> = {
  ...commonVariables,
  ...apiVariables,
  ...workerVariables,
  ...commandVariables,
};

/**
 * The effective environment and policy.
 * @param settings with keys as configured: those that AWS KMS has encrypted are decrypted
 * @throws PolicyError
 */
export async function showConfig(settings: Settings): Promise<CommandResult> {
  const { variables, problems } = await decryptKeys(settings.variables);
  const decrypted = { ...settings, variables };
  const environment = Object.fromEntries(
    Object.entries(VARIABLES).map(([name, schema]) => {
      const effective = effectiveVariable(name, schema, decrypted);
      const problem = problems.find((text) => text.startsWith(`${name}: `))?.slice(name.length + 2);
      return [name, problem === undefined ? effective : { ...effective, problem }];
    }),
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

async function decryptKeys(
  variables: Variables,
): Promise<{ variables: Variables; problems: readonly string[] }> {
  try {
    return { variables: await decryptKmsKeys(variables), problems: [] };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return { variables, problems: error.problems };
  }
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
  const value =
    parsed.data instanceof Secret ? String(parsed.data) : rawValue.replace(URL_CREDENTIALS, '//[masked]@');
  return { value, source };
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
