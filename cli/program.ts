/** The commands, their arguments and their ends. */

import { userInfo } from 'node:os';
import type { Readable } from 'node:stream';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PAYMENT_ID } from '../domain/validation.ts';
import { REVIEW_DECISIONS, type ReviewDecision } from '../domain/fraud/messages.ts';
import type { CommandResult } from './command-result.ts';
import { showConfig } from './commands/config.ts';
import { showContext } from './commands/context.ts';
import { type PageOptions, showCustomer, showRecoveries, showTimeline } from './commands/customers.ts';
import { doctor } from './commands/doctor.ts';
import { dryRunExpiry, runExpiry } from './commands/expiry.ts';
import { importCustomers } from './commands/import.ts';
import { type OperatorAction, sendOperatorRequest, resolveAttempt } from './commands/operator-requests.ts';
import { listMismatches, reconcile } from './commands/reconcile.ts';
import { recover } from './commands/recover.ts';
import { refund } from './commands/refund.ts';
import { replay } from './commands/replay.ts';
import { listReviews, reinstate, review } from './commands/review.ts';
import { type RetryAllOptions, retryAll } from './commands/retry-all.ts';
import { showSchedules } from './commands/schedules.ts';
import { verify } from './commands/verify.ts';
import { ExitCode, toFailure } from './failure.ts';
import { readSettings, type Settings, type Variables } from './settings.ts';

/** Where the command stands. */
export interface CliIo {
  env: Variables;
  stdin: Readable;
  out(text: string): void;
  err(text: string): void;
  /** A line that the next one overwrites; absent: no terminal. */
  status?(line: string): void;
}

type CommandRun = (settings: Settings) => Promise<CommandResult> | CommandResult;

/** Runs one command line. @param args without the program's own name @returns the exit code */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const { env, err } = io;
  let selected: CommandRun | undefined;
  const program = commands(io, (run) => {
    selected = run;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are what was asked for.
    return error.exitCode === 0 ? ExitCode.success : ExitCode.usageError;
  }
  if (selected === undefined) return ExitCode.usageError;
  const json = args.includes('--json');
  const print = (document: unknown, text: string) => io.out(json ? JSON.stringify(document, null, 2) : text);
  try {
    const { document, text, exitCode = ExitCode.success } = await selected(readSettings(env));
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

function commands(io: CliIo, select: (run: CommandRun) => void): Command {
  const { out, err, stdin } = io;
  const program = new Command('persona')
    .description(
      'Looks after a running Persona: the one that the environment names, else the one that npm start runs.',
    )
    .option('--json', 'one JSON document instead of words')
    .exitOverride()
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => err(text.trimEnd()) })
    .showHelpAfterError('(persona --help lists every command)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done; 1 a bad answer (differences, a failed check, refused, not found); 2 wrong usage; 3 a server is unreachable.',
    );
  const command = (usage: string, summary: string) =>
    program.command(usage).description(summary).option('--json', 'one JSON document instead of words');

  program.commandsGroup('Is it well?');
  command('doctor', 'looks at everything that Persona needs, and says what to do about what is wrong').action(
    () => select(doctor),
  );
  command('config', 'shows the effective environment, secrets masked, and the policy').action(() =>
    select(showConfig),
  );
  command('schedules', 'lists what runs by the clock, with its last and next start').action(() =>
    select(showSchedules),
  );

  program.commandsGroup('Customers:');
  command('context', 'shows what agents learn of a customer before a payment')
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string) => select((settings) => showContext(settings, id)));
  command('customer', "shows a customer's profile and wallet")
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string) => select((settings) => showCustomer(settings, id)));
  withCustomerPage(command('timeline', 'tells what happened to a customer, the newest first')).action(
    (id: string, options: PageOptions) => select((settings) => showTimeline(settings, id, options)),
  );
  withCustomerPage(command('recoveries', "lists a customer's recoveries, the newest first")).action(
    (id: string, options: PageOptions) => select((settings) => showRecoveries(settings, id, options)),
  );

  program.commandsGroup('Recoveries:');
  command('recover', 'reports a failed payment: Persona collects it from here on')
    .argument('<FILE>', 'a PaymentFailed as JSON; -: standard input')
    .action((file: string) => select((settings) => recover(settings, file, stdin)));
  const operatorCommand = (name: string, signal: OperatorAction, summary: string) =>
    withReason(command(name, summary))
      .argument('<PAYMENT_ID>', 'the payment that is being recovered', paymentId)
      .action((id: string, { reason }: { reason: string }) =>
        select((settings) => sendOperatorRequest(settings, signal, id, { actor: actor(), reason })),
      );
  operatorCommand('pause', 'pause', 'lets a recovery rest: nothing is charged until it is resumed');
  operatorCommand('resume', 'resume', 'lets a paused recovery go on');
  configureRetry(command('retry', 'lets a recovery try again at once, within every limit'), err, select);
  operatorCommand('cancel', 'cancel', 'ends a recovery; what is under way is still found out');
  command('refund', 'gives back at once what was paid twice; what is refused is tried again daily for a week')
    .argument('<PAYMENT_ID>', 'the payment that succeeded twice', paymentId)
    .option('--reason <TEXT>', 'why; it stands in the record', 'asked for with persona refund')
    .action((id: string, { reason }: { reason: string }) =>
      select((settings) => refund(settings, id, { actor: actor(), reason })),
    );
  command('resolve', 'says what became of an attempt that nobody knows the outcome of')
    .argument('<PAYMENT_ID>', 'the payment that is being recovered', paymentId)
    .requiredOption('--attempt <KEY>', "the attempt's key")
    .addOption(
      new Option('--result <RESULT>', 'what became of it')
        .choices(['approved', 'declined'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <TEXT>', 'where that is seen; it stands in the record')
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

  program.commandsGroup('What awaits a person:');
  configureReview(
    command('review', 'lists what awaits a person, or decides about a suspicion of fraud'),
    select,
  );
  withReason(command('reinstate', 'makes a suspended customer active again, and changes nothing else'))
    .argument('<CUSTOMER_ID>', 'a UUID', customerId)
    .action((id: string, { reason }: { reason: string }) =>
      select((settings) => reinstate(settings, id, { actor: actor(), reason })),
    );

  program.commandsGroup('Cards:');
  const expiry = command('expiry', 'looks after the cards whose month ends, as its schedule does daily');
  expiry
    .command('run')
    .description('looks at them now: customers are written to, cards expire')
    .option('--as-of <DAY>', 'only tells what a run on that day would do, such as 2027-01-31', day)
    .option('--json', 'one JSON document instead of words')
    .action(({ asOf }: { asOf?: string }) =>
      select((settings) => (asOf === undefined ? runExpiry(settings, err) : dryRunExpiry(settings, asOf))),
    );

  program.commandsGroup('Is it well?');
  command('reconcile', 'compares wallets and payments with the gateway, and corrects what may be corrected')
    .option('--dry-run', 'only says what would be corrected')
    .addOption(
      new Option('--list', 'only lists what earlier comparisons have left to a person').conflicts('dryRun'),
    )
    .action(({ dryRun = false, list }: { dryRun?: boolean; list?: true }) =>
      select((settings) =>
        list ? listMismatches(settings) : reconcile(settings, { dryRun, printStatus: err }),
      ),
    );
  program.commandsGroup('Customers:');
  command('import', 'onboards the customers of a file; run again after it was stopped, it goes on')
    .argument('<FILE>', 'an OnboardingRequest as JSON in each line')
    .action((file: string) =>
      select((settings) => importCustomers(settings, file, { actor: actor(), screen: io })),
    );
  program.commandsGroup('Is it well?');
  command('replay', "rebuilds an empty graph elsewhere from this graph's own log, and verifies it")
    .requiredOption('--into <URI>', 'where the other Neo4j is, such as bolt://127.0.0.1:7688', boltUri)
    .addHelpText(
      'after',
      '\nThe other Neo4j is asked as this one is; PERSONA_REPLAY_PASSWORD says another password.',
    )
    .action(({ into }: { into: string }) =>
      select((settings) => replay(settings, into, (events) => err(`${events} events`))),
    );
  command('verify', 'replays the event log and compares it with the graph')
    .addOption(new Option('--customer <ID>', 'one customer').argParser(customerId).conflicts('all'))
    .option('--all', 'every customer and every device')
    .action(({ customer, all }: { customer?: string; all?: true }, self: Command) => {
      if (customer === undefined && all === undefined) self.error('error: say --customer ID or --all');
      select((settings) => verify(settings, customer));
    });
  return program;
}

/** One recovery, or all that are under review by one rule. */
function configureRetry(
  command: Command,
  printStatus: RetryAllOptions['printStatus'],
  select: (run: CommandRun) => void,
): void {
  withReason(command)
    .argument('[PAYMENT_ID]', 'the payment that is being recovered', paymentId)
    .option('--all', 'every recovery that is under review by one rule')
    .option('--rule <RULE>', 'with --all: the rule, such as stripe:api_key_expired')
    .option('--dry-run', 'with --all: only lists them')
    .option('--per-second <N>', `with --all: so many at most (default: ${RETRIES_PER_SECOND})`, perSecond)
    .action((id: string | undefined, options: RetryOptions, self: Command) => {
      const { reason, all, rule, dryRun = false, perSecond: rate } = options;
      if ((id === undefined) !== (all === true)) self.error('error: say PAYMENT_ID, or --all --rule RULE');
      if ((all === true) !== (rule !== undefined)) self.error('error: --all and --rule RULE belong together');
      if (!all && (dryRun || rate !== undefined)) self.error('error: --dry-run and --per-second need --all');
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

/** `review [list]`, or `review CASE_ID DECISION`. */
function configureReview(command: Command, select: (run: CommandRun) => void): void {
  withPage(withReason(command))
    .argument(
      '[CASE_ID]',
      'the fraud case that is decided; without one, or with list: all that awaits a person',
    )
    .addArgument(new Argument('[DECISION]', 'what is decided').choices(REVIEW_DECISIONS))
    .action(
      (
        id: string | undefined,
        decision: ReviewDecision['decision'] | undefined,
        options: PageOptions & { reason: string },
        self: Command,
      ) => {
        const isListing = id === undefined || (id === 'list' && decision === undefined);
        if (isListing) return select((settings) => listReviews(settings, options));
        if (decision === undefined) return self.error(`error: say ${REVIEW_DECISIONS.join(' or ')}`);
        if (options.limit !== undefined || options.cursor !== undefined)
          return self.error('error: --limit and --cursor belong to the list');
        const operatorRequest = { actor: actor(), reason: options.reason };
        select((settings) => review(settings, id, decision, operatorRequest));
      },
    );
}

interface RetryOptions {
  reason: string;
  all?: true;
  rule?: string;
  dryRun?: true;
  perSecond?: number;
}

/** Well below what the gateway is asked for at most, so that other charges keep their turn. */
const RETRIES_PER_SECOND = 5;

function perSecond(text: string): number {
  const rate = Number(text);
  if (!(rate > 0)) throw new InvalidArgumentError('It is a number above 0.');
  return rate;
}

function withReason(command: Command): Command {
  const defaultReason = `asked for with persona ${command.name()}`;
  return command.option('--reason <TEXT>', 'why; it stands in the record', defaultReason);
}

function withCustomerPage(command: Command): Command {
  return withPage(command.argument('<CUSTOMER_ID>', 'a UUID', customerId));
}

function withPage(command: Command): Command {
  return command
    .option('--limit <N>', 'at most so many', (text: string) => {
      if (!/^([1-9]\d?|100)$/.test(text)) throw new InvalidArgumentError('It is a number from 1 to 100.');
      return text;
    })
    .option('--cursor <CURSOR>', 'the next_cursor of the page before');
}

function day(text: string): string {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text);
  if (!isDay) throw new InvalidArgumentError('It is a day such as 2027-01-31.');
  return text;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function boltUri(text: string): string {
  if (!/^(bolt|neo4j)(\+s|\+ssc)?:\/\/\S+$/.test(text))
    throw new InvalidArgumentError('It is a bolt:// or neo4j:// address.');
  return text;
}

function customerId(text: string): string {
  const id = text.toLowerCase();
  if (!UUID.test(id)) throw new InvalidArgumentError('It is a UUID.');
  return id;
}

function paymentId(text: string): string {
  if (text.length <= PAYMENT_ID.max && PAYMENT_ID.pattern?.test(text)) return text;
  throw new InvalidArgumentError(`It has at most ${PAYMENT_ID.max} of A–Z, a–z, 0–9, ".", "_" and "-".`);
}

/** Who types: the name that the operating system knows, where it knows one. */
function actor(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
