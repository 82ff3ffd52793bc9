import type { CatalogueEvents } from '../../domain/events/catalogue.ts';
import type { PersonaState } from '../../domain/catalogue/persona.ts';
import { utcTime, type Effects, type Fold } from './effect.ts';
import { nodeRef } from './model.ts';

type PersonaEventType = Exclude<keyof CatalogueEvents, 'PersonaConfigurationPut'>;

const SET_PERSONA = `
  MERGE (p:AgentPersona {name: $stream_id})
  ON CREATE SET p.created_at = datetime($recorded_at)
  WITH p, $data AS data
  SET p += data {
      .display_name, .role, .system_prompt, .context, .expertise, .response_format, .persona_type, .is_active
    },
    p.version = $seq, p.updated_at = datetime($recorded_at)`;

/** Every event of a persona says everything about it. */
const personaEffect = <T extends PersonaEventType>() => ({
  cypher: SET_PERSONA,
  fold: ((model, { stream_id: name, recorded_at, data }) => {
    const ref = nodeRef('AgentPersona', name);
    const { created_at = utcTime(recorded_at) } = model.nodes.get(ref) ?? {};
    model.nodes.set(ref, { name, ...stateOf(data), created_at, updated_at: utcTime(recorded_at) });
  }) satisfies Fold<T>,
});

export const catalogueEffects: Effects<CatalogueEvents> = {
  AgentPersonaPut: personaEffect<'AgentPersonaPut'>(),
  AgentPersonaActivated: personaEffect<'AgentPersonaActivated'>(),
  AgentPersonaDeactivated: personaEffect<'AgentPersonaDeactivated'>(),

  PersonaConfigurationPut: {
    cypher: `
      MERGE (c:PersonaConfiguration {key: $stream_id})
      ON CREATE SET c.created_at = datetime($recorded_at)
      SET c.value = $data.value, c.version = $seq, c.updated_at = datetime($recorded_at)`,
    fold(model, { stream_id: key, recorded_at, data: { value } }) {
      const ref = nodeRef('PersonaConfiguration', key);
      const { created_at = utcTime(recorded_at) } = model.nodes.get(ref) ?? {};
      model.nodes.set(ref, { key, value, created_at, updated_at: utcTime(recorded_at) });
    },
  },
};

/** Without what the event says about itself. */
function stateOf(data: CatalogueEvents[PersonaEventType]): PersonaState {
  const { display_name, role, system_prompt, context, expertise, response_format, persona_type, is_active } =
    data;
  return { display_name, role, system_prompt, context, expertise, response_format, persona_type, is_active };
}
