/** Every text that callers can send to Persona or receive from it, read from its contracts. */

import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { currentOpenApi } from '../contracts/released.ts';

/** What a schema of the OpenAPI document may contain, as far as it is read here. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  schema?: Schema;
}

interface Operation {
  parameters?: (Schema & { name: string })[];
  requestBody?: { content: Record<string, Schema> };
  responses: Record<string, { content?: Record<string, Schema> }>;
}

interface Document {
  components: { schemas: Record<string, Schema> };
  paths: Record<string, Record<string, Operation>>;
}

/** Their values come from a list or have a form that holds nothing else. */
const FIXED_FORMATS = ['uuid', 'date-time'];

/**
 * The text fields of REST, as `Schema.field.field` or `GET /path field`.
 * @param text the document; default: that of this version
 */
export async function restTexts(text?: string): Promise<string[]> {
  const document = JSON.parse(text ?? (await currentOpenApi())) as Document;
  const found = new Set<string>();
  const visit = (path: string, schema: Schema | undefined): void => {
    // A named schema is visited under its own name.
    if (schema === undefined || schema.$ref !== undefined) return;
    const types = [schema.type ?? []].flat();
    const isFixed = schema.enum !== undefined || FIXED_FORMATS.includes(schema.format ?? '');
    if (types.includes('string') && !isFixed) found.add(path);
    // Any value: texts within it cannot be listed.
    if (types.length === 0 && Object.keys(schema).every((key) => key === 'description')) found.add(path);
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      visit(`${path}.${name}`, property);
    for (const part of [
      schema.items,
      ...(schema.anyOf ?? []),
      ...(schema.oneOf ?? []),
      ...(schema.allOf ?? []),
    ])
      visit(path, part);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) visit(name, schema);
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path}`;
      for (const parameter of operation.parameters ?? [])
        visit(`${route} ${parameter.name}`, parameter.schema);
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const body of bodies)
        for (const { schema } of Object.values(body?.content ?? {})) visit(route, schema);
    }
  return [...found].sort();
}

/** Every message and service of the `.proto` files. */
export const grpcRegistry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL('../../proto/gen/descriptors.binpb', import.meta.url)),
  ),
);

/** The text and byte fields of Persona's and Chimera's rpcs, as `Message.field`. */
export function grpcTexts(): string[] {
  const texts: (ScalarType | undefined)[] = [ScalarType.STRING, ScalarType.BYTES];
  return [...grpcRegistry]
    .flatMap((type) => (type.kind === 'message' && /^(persona|chimera)\./.test(type.typeName) ? [type] : []))
    .flatMap(({ name: message, fields }) =>
      fields.filter(({ scalar }) => texts.includes(scalar)).map(({ name }) => `${message}.${name}`),
    )
    .sort();
}
