import type { PersonaContent } from '../domain/catalogue/persona.ts';
import type { Graph } from '../graph/index.ts';
import type { Asking } from '../services/ask-persona.ts';
import { type CatalogueCache, createCatalogueCache } from '../services/catalogue-cache.ts';

/** A persona's content; pass what a test is about. */
export const testPersona = (content: Partial<PersonaContent> = {}): PersonaContent => ({
  display_name: 'Route planner',
  role: 'Chooses the route of a payment',
  system_prompt: 'You choose the route of a payment.',
  context: null,
  expertise: ['routing'],
  response_format: null,
  persona_type: 'standard',
  ...content,
});

/** A process in which personas cannot be asked. */
export const noAsking: Asking = { onAsked() {}, onMetricsLost() {} };

/** The catalogue of a process that nothing observes; it is not read yet. */
export const unreadCatalogue = (graph: Graph): CatalogueCache =>
  createCatalogueCache(graph, { onRead() {}, onRefreshed() {} });
