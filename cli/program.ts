/** The commands, their arguments and exit codes. */

import { userInfo } from 'node:os';
import type { Readable } from 'node:stream';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import {
  CONTEST_DECISIONS,
  type ContestOutcome,
  type Correction,
  CORRECTIONS,
  type CorrectionCommand,
} from '../domain/contests.ts';
import { PAYMENT_ID } from '../domain/validation.ts';
import { REBUILDABLE, type Rebuildable } from '../domain/projections.ts';
import { REVIEW_DECISIONS, type ReviewDecision } from '../domain/fraud/messages.ts';
import type { CommandResult } from './command-result.ts';
import {
  activatePersona,
  deactivatePersona,
  diffPersona,
  exportPersonas,
  importPersonas,
  listPersonas,
  showPersona,
} from './commands/catalogue.ts';
import { showConfig } from './commands/config.ts';
import { showContext } from './commands/context.ts';
import { decideContest, listContests, showContest } from './commands/contests.ts';
import { type PageOptions, showCustomer, showRecoveries, showTimeline } from './commands/customers.ts';
import { listDeadLetters, retryDeadLetters, showDeadLetter } from './commands/dead-letters.ts';
import { doctor } from './commands/doctor.ts';
import { cancelErasure, eraseCustomer, listErasures, verifyAllErasures } from './commands/erasures.ts';
import { dryRunExpiry, runExpiry } from './commands/expiry.ts';
import { importCustomers } from './commands/import.ts';
import { type OperatorAction, sendOperatorRequest, resolveAttempt } from './commands/operator-requests.ts';
import { listKeys } from './commands/keys.ts';
import { listMismatches, reconcile } from './commands/reconcile.ts';
import { listProjections, rebuildProjection } from './commands/projections.ts';
import { exportCustomer } from './commands/export.ts';
import { recover } from './commands/recover.ts';
import { refund } from './commands/refund.ts';
import { replay, REPLAY_SOURCES, type ReplayOptions } from './commands/replay.ts';
import { applyRetention } from './commands/retention.ts';
import { retireKey } from './commands/retire-key.ts';
import { listReviews, reinstate, review } from './commands/review.ts';
import { type RetryAllOptions, retryAll } from './commands/retry-all.ts';
import { rotateKeys } from './commands/rotate-keys.ts';
import { showSchedules } from './commands/schedules.ts';
import { verify } from './commands/verify.ts';
import { decryptKmsKeys } from '../platform/kms-keys.ts';
import { RING_NAMES, type RingName } from '../security/key-ring-validation.ts';
import { ExitCode, toFailure } from './failure.ts';
import { readSettings, type Settings, type Variables } from './settings.ts';

/** A command's environment, input and output. */
export interface CliIo {
  env: Variables;
  stdin: Readable;
  out(text: string): void;
  err(text: string): void;
}

type CommandRun = (settings: Settings) => Promise<CommandResult> | CommandResult;
/** `as configured`: the command decrypts the keys from AWS KMS itself, and reports it if that fails. */
type KeyUse = 'decrypted' | 'as configured';
type Select = (run: CommandRun, keys?: KeyUse) => void;

/** Runs one command line. @param args without the program's own name @returns the exit code */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const { env, err } = io;
  let selected: { run: CommandRun; keys: KeyUse } | undefined;
  const program = commands(io, (run, keys = 'decrypted') => {
    selected = { run, keys };
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Printing the help is a success.
    return error.exitCode === 0 ? ExitCode.success : ExitCode.usageError;
  }
  if (selected === undefined) return ExitCode.usageError;
  const json = args.includes('--json');
  const print = (document: unknown, text: string) => io.out(json ? JSON.stringify(document, null, 2) : text);
  try {
    const { run, keys } = selected;
    const settings = readSettings(keys === 'decrypted' ? await decryptKmsKeys(env) : env);
    const { document, text, exitCode = ExitCode.success } = await run(settings);
    print(document, text);
    return exitCode;
  } catch (error) {
    const failure = toFailure(error);
    if (failure === undefined) throw error;
    err(`persona: ${failure.message}`);
    if (json && failure.problem) print(failure.problem, '');
    return failure.exitCode;
  }
}

function commands(io: CliIo, select: Select): Command {
  const { out, err, stdin } = io;
  const program = new Command('persona')
    .description(
      'Operates a running Persona: the one configured in the environment, else the local one of npm start.',
    )
    .option('--json', 'print one JSON document instead of text')
    .exitOverride()
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => err(text.trimEnd()) })
    .showHelpAfterError('(see persona --help for all commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 success; 1 failure (differences, a failed check, refused, not found); 2 usage error; 3 a server is unreachable.',
    );
  const command = (usage: string, summary: string) =>
    program.command(usage).description(summary).option('--json', 'print one JSON document instead of text');

  program.commandsGroup('Health:');
  command('doctor', 'check everything that Persona depends on, and report how to fix problems').action(() =>
    select(doctor, 'as configured'),
  );
  command('config', 'show the effective environment, with secrets masked, and the policy').action(() =>
    select(showConfig, 'as configured'),
  );
  command('schedules', 'list the schedules with their last and next start').action(() =>
    select(showSchedules),
  );

  program.commandsGroup('Customers:');
  command('context', 'show the customer context that agents get before a payment')
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string) => select((settings) => showContext(settings, id)));
  command('customer', "show a customer's profile and wallet")
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string) => select((settings) => showCustomer(settings, id)));
  withCustomerPage(command('timeline', "show a customer's history, newest first")).action(
    (id: string, options: PageOptions) => select((settings) => showTimeline(settings, id, options)),
  );
  withCustomerPage(command('recoveries', "list a customer's recoveries, newest first")).action(
    (id: string, options: PageOptions) => select((settings) => showRecoveries(settings, id, options)),
  );

  command('erase', 'erase a customer for good, or take an erasure back')
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .option('--yes', 'do not ask')
    .addOption(
      new Option('--cancel', 'take the running erasure back, within privacy.erasureGrace').conflicts('yes'),
    )
    .action((id: string, { yes = false, cancel = false }: { yes?: boolean; cancel?: boolean }) =>
      select((settings) =>
        cancel
          ? cancelErasure(settings, id, actor())
          : eraseCustomer(settings, id, { isConfirmed: yes, stdin, printStatus: err }),
      ),
    );
  command('erasures', 'list the erasures that run, or prove those that are done')
    .addArgument(new Argument('[ACTION]', 'default: list').choices(['list', 'verify']))
    .action((action: 'list' | 'verify' | undefined) =>
      select(action === 'verify' ? verifyAllErasures : listErasures),
    );
  command('export', 'save the data of a customer as the person may have it')
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .requiredOption('--output <FILE>', 'where to save it; only its owner may read the file')
    .action((id: string, { output }: { output: string }) =>
      select((settings) => exportCustomer(settings, id, output)),
    );

  program.commandsGroup('Recoveries:');
  command('recover', 'report a failed payment and start its recovery')
    .argument('<FILE>', 'a PaymentFailed as JSON; -: standard input')
    .action((file: string) => select((settings) => recover(settings, file, stdin)));
  const operatorCommand = (name: string, signal: OperatorAction, summary: string) =>
    withReason(command(name, summary))
      .argument('<PAYMENT_ID>', 'the payment that is being recovered', paymentId)
      .action((id: string, { reason }: { reason: string }) =>
        select((settings) => sendOperatorRequest(settings, signal, id, { actor: actor(), reason })),
      );
  operatorCommand('pause', 'pause', 'pause a recovery: nothing is charged until it is resumed');
  operatorCommand('resume', 'resume', 'resume a paused recovery');
  configureRetry(command('retry', 'retry a recovery immediately, within every limit'), err, select);
  operatorCommand('cancel', 'cancel', 'end a recovery; unresolved charges are still resolved');
  command('refund', 'refund a second success immediately; a refused refund is retried daily for a week')
    .argument('<PAYMENT_ID>', 'the payment that succeeded twice', paymentId)
    .option('--reason <TEXT>', 'the reason, which is recorded', 'requested with persona refund')
    .action((id: string, { reason }: { reason: string }) =>
      select((settings) => refund(settings, id, { actor: actor(), reason })),
    );
  command('resolve', 'resolve an attempt whose outcome is unknown')
    .argument('<PAYMENT_ID>', 'the payment that is being recovered', paymentId)
    .requiredOption('--attempt <KEY>', "the attempt's key")
    .addOption(
      new Option('--result <RESULT>', "the attempt's outcome")
        .choices(['approved', 'declined'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <TEXT>', 'the source of the outcome, which is recorded')
    .action((id: string, options: { attempt: string; result: 'approved' | 'declined'; evidence: string }) =>
      select((settings) =>
        resolveAttempt(settings, id, {
          attempt_key: options.attempt,
          result: options.result,
          actor: actor(),
          evidence: options.evidence,
        }),
      ),
    );

  program.commandsGroup('Reviews:');
  configureReview(
    command('review', 'list everything that awaits an operator, or decide a case of suspected fraud'),
    select,
  );
  configureContests(command('contests', 'list what customers contest, or show and decide one'), select);
  withReason(command('reinstate', 'reactivate a suspended customer, and change nothing else'))
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string, { reason }: { reason: string }) =>
      select((settings) => reinstate(settings, id, { actor: actor(), reason })),
    );

  program.commandsGroup('Events:');
  configureDeadLetters(command('dlq', "other agents' records that could not be processed"), select);

  program.commandsGroup('Agents:');
  configureCatalogue(command('catalogue', "list the agents' personas, show, import or change them"), select);

  program.commandsGroup('Keys:');
  configureKeys(
    command('keys', 'list the keys of every ring, and what still needs each of them'),
    err,
    select,
  );

  program.commandsGroup('Cards:');
  const expiry = command('expiry', 'handle expiring cards, as the schedule does daily');
  expiry
    .command('run')
    .description('run the expiry monitor now: notifies customers and expires cards')
    .option('--as-of <DAY>', 'only show what a run on that day would do, such as 2027-01-31', day)
    .option('--json', 'print one JSON document instead of text')
    .action(({ asOf }: { asOf?: string }) =>
      select((settings) => (asOf === undefined ? runExpiry(settings, err) : dryRunExpiry(settings, asOf))),
    );

  program.commandsGroup('Health:');
  command('reconcile', 'compare wallets and payments with the gateway, and correct what the rules allow')
    .option('--dry-run', 'only report what would be corrected')
    .addOption(new Option('--list', 'only list the mismatches that need an operator').conflicts('dryRun'))
    .action(({ dryRun = false, list }: { dryRun?: boolean; list?: true }) =>
      select((settings) =>
        list ? listMismatches(settings) : reconcile(settings, { dryRun, printStatus: err }),
      ),
    );
  program.commandsGroup('Customers:');
  command('import', 'onboard the customers of a file; run it again to resume after an interruption')
    .argument('<FILE>', 'a file with one OnboardingRequest as JSON per line')
    .action((file: string) =>
      select((settings) => importCustomers(settings, file, { actor: actor(), printStatus: err })),
    );
  program.commandsGroup('Health:');
  command('replay', 'rebuild this graph from its event log in another, empty Neo4j, and verify it')
    .requiredOption('--into <URI>', 'address of the other Neo4j, such as bolt://127.0.0.1:7688', boltUri)
    .addOption(
      new Option('--from <SOURCE>', "where the events are read: this graph, or Kafka's copy of its log")
        .choices(REPLAY_SOURCES)
        .default('graph'),
    )
    .addOption(
      new Option('--customer <ID>', 'one customer, with everything that its events refer to')
        .argParser(customerId)
        .conflicts('all'),
    )
    .option('--all', 'everything (default)')
    .addHelpText(
      'after',
      '\nRun the same command again to continue after an interruption. The credentials of this Neo4j are used for the other one, too; PERSONA_REPLAY_PASSWORD sets another password. The keys that open the events are always read from this Neo4j.',
    )
    .action((options: Omit<ReplayOptions, 'printStatus'>) =>
      select((settings) => replay(settings, { ...options, printStatus: err })),
    );
  const projections = command(
    'projections',
    'list what is derived from the event log, and how far it is behind',
  ).action(() => select(listProjections));
  projections
    .command('rebuild')
    .description('build a projection again while everything serves')
    .addArgument(new Argument('<PROJECTION>', 'the projection').choices(REBUILDABLE))
    .option('--json', 'print one JSON document instead of text')
    .action((projection: Rebuildable) => select((settings) => rebuildProjection(settings, projection, err)));
  command('retention', 'remove what is older than the policy keeps it, as the daily run does')
    .option('--dry-run', 'only count what would be removed')
    .action(({ dryRun = false }: { dryRun?: boolean }) =>
      select((settings) => applyRetention(settings, { dryRun, printStatus: err })),
    );
  command('verify', 'replay the event log and compare it with the graph')
    .addOption(new Option('--customer <ID>', 'one customer').argParser(customerId).conflicts('all'))
    .option('--all', 'every customer and every device')
    .action(({ customer, all }: { customer?: string; all?: true }, self: Command) => {
      if (customer === undefined && all === undefined)
        self.error('error: --customer ID or --all is required');
      select((settings) => verify(settings, customer));
    });
  return program;
}

/** One recovery, or all those under review by one rule. */
function configureRetry(command: Command, printStatus: RetryAllOptions['printStatus'], select: Select): void {
  withReason(command)
    .argument('[PAYMENT_ID]', 'the payment that is being recovered', paymentId)
    .option('--all', 'every recovery under review by one rule')
    .option('--rule <RULE>', 'with --all: the rule, such as stripe:api_key_expired')
    .option('--dry-run', 'with --all: only list them')
    .option('--per-second <N>', `with --all: maximum rate (default: ${RETRIES_PER_SECOND})`, perSecond)
    .action((id: string | undefined, options: RetryOptions, self: Command) => {
      const { reason, all, rule, dryRun = false, perSecond: rate } = options;
      if ((id === undefined) !== (all === true))
        self.error('error: either PAYMENT_ID or --all --rule RULE is required');
      if ((all === true) !== (rule !== undefined))
        self.error('error: --all and --rule RULE must be used together');
      if (!all && (dryRun || rate !== undefined))
        self.error('error: --dry-run and --per-second require --all');
      const operatorRequest = { actor: actor(), reason };
      select((settings) =>
        id === undefined
          ? retryAll(settings, {
              rule: rule ?? '',
              dryRun,
              perSecond: rate ?? RETRIES_PER_SECOND,
              operatorRequest,
              printStatus,
            })
          : sendOperatorRequest(settings, 'retryNow', id, operatorRequest),
      );
    });
}

/** `dlq list`, `dlq show ID` and `dlq retry ID | --all`. */
function configureDeadLetters(deadLetters: Command, select: Select): void {
  const subcommand = (usage: string, summary: string) =>
    deadLetters
      .command(usage)
      .description(summary)
      .option('--json', 'print one JSON document instead of text');
  subcommand('list', 'list all, oldest first').action(() => select(listDeadLetters));
  subcommand('show', 'show one with its record, which may hold personal data')
    .argument('<ID>', 'as listed: TOPIC/PARTITION/OFFSET')
    .action((id: string) => select((settings) => showDeadLetter(settings, id)));
  subcommand('retry', 'process them again, and remove those that succeed')
    .argument('[ID]', 'as listed: TOPIC/PARTITION/OFFSET')
    .option('--all', 'all of them, oldest first')
    .action((id: string | undefined, { all }: { all?: true }, self: Command) => {
      if ((id === undefined) !== (all === true)) self.error('error: either ID or --all is required');
      select((settings) => retryDeadLetters(settings, id));
    });
}

/** `catalogue [list | show | import | export | diff | activate | deactivate]`. */
function configureCatalogue(catalogue: Command, select: Select): void {
  const subcommand = (usage: string, summary: string) =>
    catalogue.command(usage).description(summary).option('--json', 'print one JSON document instead of text');
  catalogue.action(() => select(listPersonas));
  subcommand('list', 'list all personas').action(() => select(listPersonas));
  subcommand('show', 'show one with its instructions')
    .argument('<NAME>')
    .option('--of <VERSION>', 'as it was in this version')
    .action((name: string, { of }: { of?: string }) => select((settings) => showPersona(settings, name, of)));
  subcommand('import', 'add and change personas as a YAML or JSON file says; all of it, or nothing')
    .argument('<FILE>', 'a file, or a folder with files')
    .option('--dry-run', 'only show what would change')
    .option('--reason <TEXT>', 'why; recorded in the history')
    .action((file: string, { dryRun = false, reason }: { dryRun?: boolean; reason?: string }) =>
      select((settings) =>
        importPersonas(settings, file, { dryRun, ...(reason !== undefined && { reason }) }),
      ),
    );
  subcommand('export', 'write all personas in the form that import reads')
    .argument('[FILE]', 'YAML, or JSON if it ends with .json; absent: to the output')
    .action((file: string | undefined) => select((settings) => exportPersonas(settings, file)));
  subcommand('diff', 'show the fields in which two versions differ')
    .argument('<NAME>')
    .requiredOption('--from <VERSION>', 'a version')
    .option('--to <VERSION>', 'a version; default: the current one')
    .action((name: string, options: { from: string; to?: string }) =>
      select((settings) => diffPersona(settings, name, options)),
    );
  subcommand('activate', 'activate a persona, or roll it back to an older version')
    .argument('<NAME>')
    .addOption(new Option('--of <VERSION>', 'whose content it gets again').argParser(positive))
    .option('--reason <TEXT>', 'why; recorded in the history')
    .action((name: string, { of: version, reason }: { of?: number; reason?: string }) =>
      select((settings) =>
        activatePersona(settings, name, { ...(version && { version }), ...(reason && { reason }) }),
      ),
    );
  subcommand('deactivate', 'deactivate a persona: it stays readable, and is not asked')
    .argument('<NAME>')
    .option('--reason <TEXT>', 'why; recorded in the history')
    .action((name: string, { reason }: { reason?: string }) =>
      select((settings) => deactivatePersona(settings, name, { ...(reason && { reason }) })),
    );
}

/** `keys`, `keys rotate [--blind]` and `keys retire RING ID`. */
function configureKeys(keys: Command, printStatus: (line: string) => void, select: Select): void {
  keys.action(() => select(listKeys));
  const subcommand = (usage: string, summary: string) =>
    keys.command(usage).description(summary).option('--json', 'print one JSON document instead of text');
  subcommand('rotate', 'move what older keys of PERSONA_KEYS protect to the first key, while processes serve')
    .option('--blind', 'the hashes of PERSONA_BLIND_KEYS instead')
    .option('--dry-run', 'only count what would be changed')
    .addHelpText('after', '\nStart every process with the new key first; run again after an interruption.')
    .action(({ blind = false, dryRun = false }: { blind?: boolean; dryRun?: boolean }) =>
      select((settings) => rotateKeys(settings, { blind, dryRun, printStatus })),
    );
  subcommand('retire', 'let processes start without an older key that nothing needs')
    .addArgument(new Argument('<RING>', 'the ring').choices(RING_NAMES))
    .argument('<ID>', "the key's id")
    .action((ring: RingName, id: string) => select((settings) => retireKey(settings, ring, id)));
}

/** `review [list]`, or `review CASE_ID DECISION`. */
function configureReview(command: Command, select: Select): void {
  withPage(withReason(command))
    .argument(
      '[CASE_ID]',
      'the fraud case to decide; omitted, or "list": list everything that awaits an operator',
    )
    .addArgument(new Argument('[DECISION]', 'the decision').choices(REVIEW_DECISIONS))
    .action(
      (
        id: string | undefined,
        decision: ReviewDecision['decision'] | undefined,
        options: PageOptions & { reason: string },
        self: Command,
      ) => {
        const isListing = id === undefined || (id === 'list' && decision === undefined);
        if (isListing) return select((settings) => listReviews(settings, options));
        if (decision === undefined)
          return self.error(`error: DECISION must be ${REVIEW_DECISIONS.join(' or ')}`);
        if (options.limit !== undefined || options.cursor !== undefined)
          return self.error('error: --limit and --cursor apply only to the list');
        const operatorRequest = { actor: actor(), reason: options.reason };
        select((settings) => review(settings, id, decision, operatorRequest));
      },
    );
}

/** `contests [list]`, `contests show ID` and `contests decide ID DECISION`. */
function configureContests(contests: Command, select: Select): void {
  const list = (options: PageOptions) => select((settings) => listContests(settings, options));
  // Its subcommand has the options: those of a parent would take them.
  contests.action(() => list({}));
  const subcommand = (usage: string, summary: string) =>
    contests.command(usage).description(summary).option('--json', 'print one JSON document instead of text');
  withPage(subcommand('list', 'list those that await a decision, oldest first')).action(list);
  subcommand('show', 'show one with its event, which is personal data')
    .argument('<ID>', 'as listed')
    .action((id: string) => select((settings) => showContest(settings, id)));
  subcommand('decide', 'decide one; the customer is notified, and shown the explanation')
    .argument('<ID>', 'as listed')
    .addArgument(new Argument('<DECISION>', 'the decision').choices(CONTEST_DECISIONS))
    .requiredOption('--explanation <TEXT>', 'why, in words for the customer')
    .option(
      '--correct <COMMAND:ID>',
      `a correction, may be repeated: ${Object.keys(CORRECTIONS).join(', ')}; default: remove what the event linked`,
      correction,
    )
    .addOption(new Option('--no-correction', 'uphold it and change nothing').conflicts('correct'))
    .option(
      '--opening <N>',
      'the opening that was shown: refused if the customer has contested the event again since; default: the last',
      positive,
    )
    .action((id: string, decision: ContestOutcome, options: DecideOptions) => {
      const { explanation, correct, correction: mayCorrect, opening: opened_seq } = options;
      const corrections = mayCorrect ? correct : [];
      select((settings) =>
        decideContest(settings, id, {
          ...{ decision, explanation, actor: actor() },
          ...(corrections && { corrections }),
          ...(opened_seq !== undefined && { opened_seq }),
        }),
      );
    });
}

interface DecideOptions {
  explanation: string;
  opening?: number;
  correct?: Correction[];
  /** False: `--no-correction`. */
  correction: boolean;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Must be a number, as shown.');
  return Number(text);
}

function correction(text: string, before: Correction[] = []): Correction[] {
  const [command = '', id = '', ...more] = text.split(':');
  if (!Object.hasOwn(CORRECTIONS, command) || !UUID.test(id.toLowerCase()) || more.length > 0)
    throw new InvalidArgumentError(`must be COMMAND:ID, with one of ${Object.keys(CORRECTIONS).join(', ')}.`);
  return [...before, { command: command as CorrectionCommand, id: id.toLowerCase() }];
}

interface RetryOptions {
  reason: string;
  all?: true;
  rule?: string;
  dryRun?: true;
  perSecond?: number;
}

/** Well below the gateway's maximum rate, so that other charges are not delayed. */
const RETRIES_PER_SECOND = 5;

function perSecond(text: string): number {
  const rate = Number(text);
  if (!(rate > 0)) throw new InvalidArgumentError('Must be a number greater than 0.');
  return rate;
}

function withReason(command: Command): Command {
  const defaultReason = `requested with persona ${command.name()}`;
  return command.option('--reason <TEXT>', 'the reason, which is recorded', defaultReason);
}

function withCustomerPage(command: Command): Command {
  return withPage(command.argument('<CUSTOMER_ID>', 'a UUID', customerId));
}

function withPage(command: Command): Command {
  return command
    .option('--limit <N>', 'maximum number of items', (text: string) => {
      if (!/^([1-9]\d?|100)$/.test(text)) throw new InvalidArgumentError('Must be an integer from 1 to 100.');
      return text;
    })
    .option('--cursor <CURSOR>', 'the next_cursor of the previous page');
}

function day(text: string): string {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text);
  if (!isDay) throw new InvalidArgumentError('Must be a date such as 2027-01-31.');
  return text;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function boltUri(text: string): string {
  if (!/^(bolt|neo4j)(\+s|\+ssc)?:\/\/\S+$/.test(text))
    throw new InvalidArgumentError('Must be a bolt:// or neo4j:// address.');
  return text;
}

function customerId(text: string): string {
  const id = text.toLowerCase();
  if (!UUID.test(id)) throw new InvalidArgumentError('Must be a UUID.');
  return id;
}

function paymentId(text: string): string {
  if (text.length <= PAYMENT_ID.max && PAYMENT_ID.pattern?.test(text)) return text;
  throw new InvalidArgumentError(
    `Must be at most ${PAYMENT_ID.max} characters of A–Z, a–z, 0–9, ".", "_" and "-".`,
  );
}

/** The operator: the operating system's user name, if there is one. */
function actor(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
