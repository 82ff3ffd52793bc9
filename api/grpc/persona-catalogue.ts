import { PERSONA_NAME } from '../../domain/catalogue/persona.ts';
import { AgentPersona, type PersonaCatalogueServer } from '../../proto/gen/persona/v1/persona_catalogue.ts';
import { WATCH_MS } from '../../services/catalogue.ts';
import type { Services } from '../../services/services.ts';
import type { PersonaView } from '../../services/views.ts';
import type { Observers } from '../requests.ts';
import { Problems, toJson, toMessage } from './mapping.ts';
import { serverStream } from './server-stream.ts';
import { unary } from './unary.ts';

/** More than the service's own limit, after which a stream ends without an error. */
const MAX_WATCH_MS = WATCH_MS + 10_000;

/** The personas of the ecosystem's agents. */
export function personaCatalogue(services: Services, observers: Observers): PersonaCatalogueServer {
  return {
    listPersonas: unary(observers, 'ListPersonas', async (caller, request) => {
      const problems = new Problems();
      const limit = problems.requireLimit(request.limit);
      problems.throwIfAny();
      const { persona_type, expertise, is_active, cursor } = request;
      const { value, staleMs } = await services.listPersonas(caller, {
        persona_type: persona_type || undefined,
        expertise: expertise || undefined,
        is_active,
        limit,
        cursor: cursor || undefined,
      });
      const items = value.items.map(({ version, ...persona }) => ({ ...persona, version: BigInt(version) }));
      return { items, total: value.total, next_cursor: value.next_cursor ?? '', ...staleness(staleMs) };
    }),

    getPersona: unary(observers, 'GetPersona', async (caller, request) => {
      const name = nameOf(request);
      const version = Number(request.version) || undefined;
      const min_version = Number(request.min_version);
      const { value, staleMs } = await services.getPersona(caller, { name, version, min_version });
      return { persona: toPersona(value), ...staleness(staleMs) };
    }),

    putPersona: unary(observers, 'PutPersona', async (caller, request) => {
      const name = nameOf(request);
      const { expected_version, ...body } = toJson(request);
      const condition = typeof expected_version === 'number' ? { expected_version } : {};
      const change = { name, body, may_create: true, ...condition };
      const { persona, changed } = await services.putPersona(caller, change);
      return { persona: toPersona(persona), changed };
    }),

    watchPersonas: serverStream(
      observers,
      'WatchPersonas',
      async function* (caller, request) {
        const problems = new Problems();
        for (const [index, name] of request.names.entries()) requireName(problems, name, `names[${index}]`);
        problems.throwIfAny();
        for await (const persona of services.watchPersonas(caller, request))
          yield { persona: toPersona(persona) };
      },
      MAX_WATCH_MS,
    ),
  };
}

/** @throws PersonaError invalid_argument */
function nameOf({ name }: { name: string }): string {
  const problems = new Problems();
  requireName(problems, name, 'name');
  problems.throwIfAny();
  return name;
}

function requireName(problems: Problems, name: string, field: string): void {
  const { pattern = /^/, max, requirement } = PERSONA_NAME;
  problems.require(pattern.test(name) && name.length <= max, field, `must ${requirement}`);
}

function toPersona(persona: PersonaView): AgentPersona {
  const { context, response_format, ...rest } = persona;
  return toMessage(AgentPersona, { ...rest, context, response_format });
}

const staleness = (staleMs: number | undefined) =>
  staleMs === undefined ? {} : { stale_seconds: staleMs / 1_000 };
