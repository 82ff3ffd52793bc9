/** What a persona is asked, and what a model is sent for it. */

import type { ModelPrompt } from '../ports.ts';
import { type TextRule, validate, type ValidationFailure } from '../validation.ts';
import type { PersonaContent } from './persona.ts';

export interface PersonaQuestion {
  message: string;
  /** What the caller knows about the question. */
  context?: string;
  /** Of the answer; absent: as the model likes. */
  max_tokens?: number;
}

const TEXT: TextRule = { max: 16_000 };
const MAX_TOKENS = 32_000;

/** Reads an untrusted question. */
export function readQuestion(
  input: unknown,
): { ok: true; value: PersonaQuestion & { stream: boolean } } | ValidationFailure {
  return validate(input, (fields) => {
    const context = fields.text('context', TEXT);
    const max_tokens = fields.integer('max_tokens', 1, MAX_TOKENS);
    return {
      message: fields.requiredText('message', TEXT),
      ...(context !== undefined && { context }),
      ...(max_tokens !== undefined && { max_tokens }),
      stream: fields.boolean('stream') ?? false,
    };
  });
}

/**
 * The persona's own texts, then what was retrieved, are instructions; what the caller sends, its context included, is the
 * message.
 */
export function promptFor(
  persona: Pick<PersonaContent, 'system_prompt'> & { context?: string; response_format?: string },
  { message, context, max_tokens }: PersonaQuestion,
  passages: readonly string[],
): ModelPrompt {
  const { system_prompt, context: background, response_format } = persona;
  const instructions = [
    system_prompt,
    background,
    response_format && `Answer in this form:\n${response_format}`,
    passages.length > 0 && `What may help:\n${passages.join('\n\n')}`,
  ];
  return {
    instructions: instructions.filter(Boolean).join('\n\n'),
    message: context === undefined ? message : `${context}\n\n${message}`,
    ...(max_tokens !== undefined && { max_tokens }),
  };
}
