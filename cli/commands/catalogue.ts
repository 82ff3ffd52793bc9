/** The catalogue of agents' personas, from the command line. */

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import {
  personaDifferences,
  type PersonaDifference,
  type PersonaState,
} from '../../domain/catalogue/persona.ts';
import { readPolicy } from '../../platform/policy.ts';
import type { PersonaView } from '../../services/views.ts';
import { type FoundPersona, readPersonaFiles } from '../catalogue/persona-file.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { callRest } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { fields, table, timeText } from '../tables.ts';

type PersonaSummary = Pick<
  PersonaView,
  'name' | 'display_name' | 'role' | 'persona_type' | 'version' | 'is_active'
>;

/** All pages as one. */
export async function listPersonas(settings: Settings): Promise<CommandResult> {
  const document = await allPersonas(settings);
  const { items } = document;
  const rows = items.map(({ name, persona_type, version, is_active, role }) => [
    ...[name, persona_type, version, is_active, role],
  ]);
  const text = table(['name', 'type', 'version', 'active', 'role'], rows, 'No personas.');
  return { document, text: `${text}\n${items.length} personas` };
}

/** @param version absent: the current one */
export async function showPersona(
  settings: Settings,
  name: string,
  version: string | undefined,
): Promise<CommandResult> {
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  const persona = await callRest<PersonaView>(settings, 'GET', `${pathOf(name)}${query}`);
  const { system_prompt, context, response_format, expertise } = persona;
  const head = fields([
    ['persona', `${persona.name} (${persona.display_name})`],
    ['role', persona.role],
    ['type', persona.persona_type],
    ['expertise', expertise.join(', ')],
    ['version', persona.version],
    ['active', persona.is_active],
    ['changed', timeText(persona.updated_at)],
  ]);
  const texts = [system_prompt, context, response_format].filter((text) => text !== undefined);
  return { document: persona, text: [head, ...texts].join('\n\n') };
}

export async function diffPersona(
  settings: Settings,
  name: string,
  { from, to }: { from: string; to?: string },
): Promise<CommandResult> {
  const query = new URLSearchParams({ from, ...(to !== undefined && { to }) });
  const document = await callRest<{ from: number; to: number; differences: PersonaDifference[] }>(
    settings,
    'GET',
    `${pathOf(name)}/diff?${query}`,
  );
  const lines = document.differences.map(
    ({ field, from: before, to: after }) => `${field}\n- ${textOf(before)}\n+ ${textOf(after)}`,
  );
  const text =
    lines.length === 0 ? `Versions ${document.from} and ${document.to} are the same.` : lines.join('\n');
  return { document, text };
}

/** @param version absent: the persona's content is unchanged */
export async function activatePersona(
  settings: Settings,
  name: string,
  { version, reason }: { version?: number; reason?: string },
): Promise<CommandResult> {
  const persona = await change(settings, name, 'activate', { version, reason });
  return { document: persona, text: `${name} is active, in version ${persona.version}.` };
}

export async function deactivatePersona(
  settings: Settings,
  name: string,
  { reason }: { reason?: string },
): Promise<CommandResult> {
  const persona = await change(settings, name, 'deactivate', { reason });
  return { document: persona, text: `${name} is not active, in version ${persona.version}.` };
}

function change(
  settings: Settings,
  name: string,
  what: 'activate' | 'deactivate',
  body: { version?: number; reason?: string },
): Promise<PersonaView> {
  const headers = { 'idempotency-key': randomUUID() };
  return callRest<PersonaView>(settings, 'POST', `${pathOf(name)}/${what}`, JSON.stringify(body), headers);
}

export interface ImportOptions {
  dryRun: boolean;
  reason?: string;
}

interface Change {
  name: string;
  result: 'added' | 'changed' | 'unchanged';
  is_active: boolean;
  version?: number;
  /** What was changed; absent if it was added. */
  fields?: string[];
}

/**
 * Adds and changes personas as a file or folder says; the others stay as they are. With any problem nothing is imported.
 * @throws CliFailure with every problem and its line; if a request fails, with what was written before it
 */
export async function importPersonas(
  settings: Settings,
  path: string,
  options: ImportOptions,
): Promise<CommandResult> {
  const policy = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const { personas, problems } = readFiles(path, policy);
  if (problems.length > 0) {
    const message = [`Nothing is imported: ${problems.length} problems`, ...problems].join('\n');
    throw new CliFailure(ExitCode.failed, message);
  }
  const changes: Change[] = [];
  for (const persona of personas)
    try {
      changes.push(await importPersona(settings, persona, options));
    } catch (error) {
      throw options.dryRun ? error : interrupted(error, persona, changes);
    }
  const count = (wanted: Change['result']) => changes.filter(({ result }) => result === wanted).length;
  const lines = changes
    .filter(({ result }) => result !== 'unchanged')
    .map(({ name, result, fields: changed, is_active }) =>
      changed === undefined
        ? `${result} ${name}${is_active ? '' : ', which is not active'}`
        : `${result} ${name}: ${changed.map((field) => (field === 'is_active' ? `is_active (${is_active})` : field)).join(', ')}`,
    );
  const summary = `${count('added')} added, ${count('changed')} changed, ${count('unchanged')} unchanged`;
  return {
    document: { dry_run: options.dryRun, changes },
    text: [...lines, options.dryRun ? `${summary}: nothing was written` : summary].join('\n'),
  };
}

/** The failure of one persona, with what was written before: importing again changes only the rest. */
function interrupted(error: unknown, { name, place }: FoundPersona, changes: readonly Change[]): unknown {
  if (!(error instanceof CliFailure)) return error;
  const written = changes.filter(({ result }) => result !== 'unchanged').map((change) => change.name);
  const message = [
    error.message,
    `${place}: ${name} was being imported, the personas after it are not. Written before: ${written.join(', ') || 'none'}.`,
    'Importing again goes on from here.',
  ].join('\n');
  return new CliFailure(error.exitCode, message, error.problem);
}

async function importPersona(
  settings: Settings,
  { name, content, is_active, reason, place }: FoundPersona,
  options: ImportOptions,
): Promise<Change> {
  const current = await findPersona(settings, name);
  const wanted: PersonaState = { ...content, is_active: is_active ?? current?.is_active ?? true };
  const found: Change = {
    name,
    result: current ? 'changed' : 'added',
    is_active: wanted.is_active,
    ...(current && { fields: personaDifferences(stateOf(current), wanted).map(({ field }) => field) }),
  };
  if (current && found.fields?.length === 0)
    return { name, result: 'unchanged', is_active: wanted.is_active, version: current.version };
  if (options.dryRun) return found;

  const why = reason ?? options.reason ?? `import of ${place}`;
  let stored = current;
  if (stored === undefined || found.fields?.some((field) => field !== 'is_active')) {
    const condition: Record<string, string> = stored
      ? { 'if-match': `"${stored.version}"` }
      : { 'if-none-match': '*' };
    const body = JSON.stringify({ ...content, reason: why });
    stored = await callRest<PersonaView>(settings, 'PUT', pathOf(name), body, condition);
  }
  if (stored.is_active !== wanted.is_active)
    stored = await change(settings, name, wanted.is_active ? 'activate' : 'deactivate', { reason: why });
  return { ...found, version: stored.version };
}

/** Writes what `import` reads. @param file absent: to the output */
export async function exportPersonas(settings: Settings, file: string | undefined): Promise<CommandResult> {
  const { personas: names } = await allPersonas(settings);
  const personas: object[] = [];
  for (const name of names) {
    const persona = await callRest<PersonaView>(settings, 'GET', pathOf(name));
    const { is_active, ...content } = stateOf(persona);
    const texts = Object.entries(content).filter(([, value]) => value !== null);
    personas.push({ name, ...Object.fromEntries(texts), ...(!is_active && { is_active }) });
  }
  const document = { personas };
  const yaml = stringify(document, { lineWidth: 0 });
  if (file === undefined) return { document, text: yaml.trimEnd() };
  writeFileSync(file, file.endsWith('.json') ? `${JSON.stringify(document, null, 2)}\n` : yaml);
  return {
    document: { file, personas: personas.length },
    text: `${personas.length} personas are in ${file}.`,
  };
}

function readFiles(...args: Parameters<typeof readPersonaFiles>) {
  try {
    return readPersonaFiles(...args);
  } catch (error) {
    throw new CliFailure(ExitCode.usageError, error instanceof Error ? error.message : String(error));
  }
}

/** `GET /personas` (docs/reference/interfaces.md). */
interface PersonaPage {
  personas: string[];
  items: PersonaSummary[];
  next_cursor?: string;
}

/** Every page, as one that has them all. */
async function allPersonas(settings: Settings): Promise<PersonaPage> {
  const [personas, items]: [string[], PersonaSummary[]] = [[], []];
  for (let query = ''; ; ) {
    const page = await callRest<PersonaPage>(settings, 'GET', `/personas${query}`);
    personas.push(...page.personas);
    items.push(...page.items);
    if (page.next_cursor === undefined) return { ...page, personas, items };
    query = `?cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

async function findPersona(settings: Settings, name: string): Promise<PersonaView | undefined> {
  try {
    return await callRest<PersonaView>(settings, 'GET', pathOf(name));
  } catch (error) {
    const isUnknown = error instanceof CliFailure && error.problem?.type.endsWith(':persona_not_found');
    if (isUnknown) return undefined;
    throw error;
  }
}

function stateOf(persona: PersonaView): PersonaState {
  const { display_name, role, system_prompt, context, expertise, response_format, persona_type, is_active } =
    persona;
  return {
    ...{ display_name, role, system_prompt, context: context ?? null, expertise },
    ...{ response_format: response_format ?? null, persona_type, is_active },
  };
}

const pathOf = (name: string) => `/personas/${encodeURIComponent(name)}`;
const textOf = (value: unknown) => (typeof value === 'string' ? value.trimEnd() : JSON.stringify(value));
