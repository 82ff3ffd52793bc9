/** The port to a registry of Avro schemas (docs/decisions/30-events-out.md, 'With a schema registry'). */

/** A schema as the registry has it. */
export interface RegisteredSchema {
  /** `AVRO`, or another kind of schema. */
  readonly type: string;
  readonly text: string;
}

export interface SchemaRegistry {
  /**
   * Registers a schema as the subject's newest version, unless the subject has it.
   * @returns its id
   * @throws PersonaError schema_registry_unavailable: also if the registry refuses it
   */
  register(subject: string, schema: object): Promise<number>;
  /**
   * @returns `undefined`: the registry has no schema of that id
   * @throws PersonaError schema_registry_unavailable
   */
  schema(id: number): Promise<RegisteredSchema | undefined>;
}
