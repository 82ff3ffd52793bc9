import type { Session } from 'neo4j-driver';
import type { Graph } from '../graph/graph.ts';
import { toSingleParameter } from '../graph/single-parameter.ts';

/** The same graph, recording every statement with the parameters of its last run. */
export function recordingGraph(graph: Graph): { graph: Graph; statements: Map<string, unknown> } {
  const statements = new Map<string, unknown>();
  const recordingSession = (session: Session): Session =>
    new Proxy(session, {
      get(target, name) {
        if (name === 'run')
          return (cypher: string, ...rest: [unknown?, object?]) => {
            statements.set(cypher, rest[0]);
            return target.run(cypher, ...(rest as []));
          };
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
  const recordingRead =
    (read: Graph['read']): Graph['read'] =>
    (cypher, parameters) => {
      statements.set(...toSingleParameter(cypher, parameters ?? {}));
      return read(cypher, parameters);
    };
  return {
    statements,
    graph: {
      ...graph,
      read: recordingRead(graph.read),
      readFromAnyMember: recordingRead(graph.readFromAnyMember),
      writeSession: () => recordingSession(graph.writeSession()),
    },
  };
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === 'function' ? value.bind(target) : value;
}
