/** `npm start`: runs all of Persona on the default ports until Ctrl-C. */
import { runDevCommand } from './run-dev-command.ts';
import { startPersona } from './persona.ts';

await runDevCommand(
  async ({ guard, log }) => {
    const system = await startPersona({ useDefaultPorts: true, kafka: true, codec: true, guard, log });
    const { metrics, auth, pids: _pids, neo4j_password: _password, ...addresses } = system.addresses;
    const lines = [
      ...Object.entries(addresses),
      ...(auth ? [['tokens', `${auth.token_url}?role=ops, or ?customer_id=…`]] : []),
      ...Object.entries(metrics).map(([name, url]) => [`metrics of ${name}`, url]),
      ['logs', system.folder],
      ['addresses as JSON', system.runFile],
    ];
    log('');
    for (const [name, value] of lines) log(`  ${String(name).padEnd(22)} ${value}`);
    log('\nPersona is running. Press Ctrl-C to stop it.');
    log(await system.firstExit());
    guard.leave(system.folder);
    return 1;
  },
  { interruptedExitCode: 0 },
);
