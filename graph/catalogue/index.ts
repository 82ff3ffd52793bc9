/** The catalogue of agents' personas. */

export { getConfiguration, putConfiguration, type StoredConfiguration } from './configuration.ts';
export {
  aggregateMetrics,
  countOldMetrics,
  expireMetrics,
  type MetricQuery,
  recordMetrics,
} from './metrics.ts';
export {
  type CatalogueState,
  getCatalogueState,
  getPersonaHistory,
  getPersonas,
  getPersonaVersion,
  getPersonaVersions,
  type PersonaNode,
  type PersonaVersion,
  unknownPersona,
} from './personas.ts';
export { activatePersona, type ChangedPersona, deactivatePersona, putPersona } from './put-persona.ts';
