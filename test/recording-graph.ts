import type { Session } from 'neo4j-driver';
import type { Graph } from '../graph/graph.ts';

/** The same graph; it keeps every statement that goes through it, with the parameters of its last run. */
export function recordingGraph(graph: Graph): { graph: Graph; statements: Map<string, unknown> } {
  const statements = new Map<string, unknown>();
  const recordingSession = (session: Session): Session =>
    new Proxy(session, {
      get(target, name) {
        if (name !== 'beginTransaction') return bound(target, name);
        return (limits: Parameters<Session['beginTransaction']>[0]) => {
          const transaction = target.beginTransaction(limits);
          return new Proxy(transaction, {
            get(inner, method) {
              if (method !== 'run') return bound(inner, method);
              return (cypher: string, parameters: unknown) => {
                statements.set(cypher, parameters);
                return inner.run(cypher, parameters);
              };
            },
          });
        };
      },
    });
  return {
    statements,
    graph: {
      ...graph,
      async read<T>(cypher: string, parameters?: Record<string, unknown>) {
        statements.set(cypher, parameters);
        return graph.read<T>(cypher, parameters);
      },
      writeSession: () => recordingSession(graph.writeSession()),
    },
  };
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === 'function' ? value.bind(target) : value;
}
