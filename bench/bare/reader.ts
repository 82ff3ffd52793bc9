/** Neo4j's driver as the bare servers use it: every statement in an auto-commit transaction of its own session. */

import neo4j from 'neo4j-driver';
import type { Reader } from '../../graph/index.ts';

/** Connects with the variables of Persona's programs. */
export function openReader(): Reader {
  const { NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD, NEO4J_DATABASE } = process.env;
  const driver = neo4j.driver(
    String(NEO4J_URI),
    neo4j.auth.basic(String(NEO4J_USERNAME), String(NEO4J_PASSWORD)),
    { disableLosslessIntegers: true },
  );
  return {
    async read<T>(cypher: string, parameters?: Record<string, unknown>) {
      const session = driver.session({ database: NEO4J_DATABASE, defaultAccessMode: neo4j.session.READ });
      try {
        const { records } = await session.run(cypher, parameters);
        return records.map((record) => withTimes(record.toObject()) as T);
      } finally {
        await session.close();
      }
    },
  };
}

/** Times as RFC 3339, as Persona's queries expect them. */
function withTimes(row: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(row))
    if (neo4j.isDateTime(value)) row[name] = value.toStandardDate().toISOString();
  return row;
}
