import type { PersonaState } from '../catalogue/persona.ts';

/** Why an operator made a change; `null`: none was given. */
interface Reasoned {
  reason: string | null;
}

/**
 * Events of the catalogue of agents' personas: each persona and each configuration has its own stream, whose id is its
 * name or key. An event says everything about a persona as it is from then on: the event with number n is version n.
 */
export interface CatalogueEvents {
  AgentPersonaPut: PersonaState & Reasoned;
  /** `restored_version`: whose content it has again; `null`: its content is unchanged. */
  AgentPersonaActivated: PersonaState & Reasoned & { restored_version: number | null };
  AgentPersonaDeactivated: PersonaState & Reasoned;
  /** `value`: JSON. */
  PersonaConfigurationPut: Reasoned & { value: string };
}
