/** What operators do with the personas of agents. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { OPS, type Stage } from './stage.ts';

/** A persona with marks in every text, changed over both interfaces, read, compared and refused. */
export async function changePersonas({ marks, rest, rpc }: Stage): Promise<void> {
  const path = `/personas/marked-${randomUUID()}`;
  const name = path.slice('/personas/'.length);
  const inputOf = (type: 'PersonaInput' | 'PutPersonaRequest') => ({
    ...{ display_name: 'Marked', role: 'Holds marks', expertise: ['marks'] },
    system_prompt: marks.draw(`${type}.system_prompt`),
    context: marks.draw(`${type}.context`),
    response_format: marks.draw(`${type}.response_format`),
  });
  const put = (body: object, headers: Record<string, string>) =>
    rest('PUT', path, { as: OPS, body, headers });
  const input = inputOf('PersonaInput');
  expect(await put(input, { 'if-none-match': '*' })).toMatchObject({ status: 201 });
  expect(await put({ ...input, role: '' }, { 'if-match': '"1"' })).toMatchObject({ status: 422 });
  expect(await put(inputOf('PersonaInput'), { 'if-match': '"7"' })).toMatchObject({ status: 412 });
  const message = { name, ...inputOf('PutPersonaRequest') };
  expect(await rpc('ops', 'PutPersona', message)).toMatchObject({ code: 0 });
  expect(await rpc('ops', 'PutPersona', { ...message, persona_type: 'unheard-of' })).toMatchObject({
    code: 3,
  });
  expect(await rpc('oracle', 'GetPersona', { name })).toMatchObject({ code: 0 });
  const question = {
    message: marks.draw('PersonaQuestion.message'),
    context: marks.draw('PersonaQuestion.context'),
  };
  const ask = { as: OPS, body: question };
  expect(await rest('POST', `/persona/${name}`, ask)).toMatchObject({ status: 200 });
  for (const read of [path, `${path}?version=1`, `${path}/diff?from=1&to=2`, `${path}/versions`, '/personas'])
    expect(await rest('GET', read, { as: OPS })).toMatchObject({ status: 200 });
}
