import type { Reply } from './request.ts';

/** Subject, version or schema: another 404 is not the registry's, such as that of a wrong path in SCHEMA_REGISTRY_URL. */
const NOT_FOUND = [40401, 40402, 40403];

/** What the API answers with, as far as it is used. */
export interface Answer {
  readonly status: number;
  readonly id: number | undefined;
  readonly schema: string | undefined;
  readonly schemaType: string;
  readonly isCompatible: boolean;
  readonly message: string;
}

/** @returns `undefined`: it is no answer of a schema registry */
export function answerOf({ status, text }: Reply): Answer | undefined {
  const body = parse(text);
  if (status === 404 && !NOT_FOUND.includes(Number(body?.error_code))) return undefined;
  if (body === undefined) return undefined;
  const { id, schema, schemaType = 'AVRO', is_compatible: isCompatible } = body;
  const { messages, message, reason } = body;
  return {
    status,
    id: typeof id === 'number' ? id : undefined,
    schema: typeof schema === 'string' ? schema : undefined,
    schemaType: String(schemaType),
    isCompatible: isCompatible === true,
    // Of a refusal; `messages` and `reason` are those of a check, at Confluent and at Apicurio.
    message: Array.isArray(messages) ? messages.join('; ') : String(message ?? reason),
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? { ...body } : undefined;
  } catch {
    return undefined;
  }
}
