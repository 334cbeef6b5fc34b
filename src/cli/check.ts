import { lookUpAccount } from '../engagement/account.ts';
import type { Integration } from '../engagement/integrations.ts';
import { readEngagements } from '../engagement/read.ts';
import { checkId } from '../engagement/rules.ts';
import { findCredential } from './credential.ts';
import { type ExitCode, exitCodeOf, exitCodes, UsageError } from './exit-code.ts';
import { createOutput, type Output } from './output.ts';
import { type Session, withSession } from './session.ts';

/** An integrated account that nobody has: what upstream says of it shows that it is there and takes the token. */
const nobodysAccount = '00000000-0000-0000-0000-000000000000';

type Step = (isFine: boolean, what: string, said: string, toDo?: string) => void;

function steps({ print }: Output): Step {
  return (isFine, what, said, toDo) => {
    print(`${isFine ? 'ok    ' : 'FAULT '}${what.padEnd(15)}${said}`);
    if (toDo) print(`${' '.repeat(21)}-> ${toDo}`);
  };
}

/** What to do about each kind of refusal. */
const toDo: Readonly<Partial<Record<string, string>>> = {
  IntegratedAccountNotFoundError: 'look the id up in Truto, and whether the token belongs to the same environment',
  ForbiddenError: 'give the connection the permission in the provider, or connect the account again with more scopes',
  AccountNeedsReauthError: 'have the account connected again (Truto: re-authentication link)',
  AccountBlockedError: 'ask Truto to unblock the account, or wait if it is only paused',
  RateLimitedError: 'wait, and run the check again',
  UpstreamUnavailableError: 'check TRUTO_BASE_URL, name resolution, proxies and firewalls; then run the check again',
  RemoteApiError: 'look at the status: the provider itself refuses; 404 without Truto in it is a wrong TRUTO_BASE_URL',
};

/** Where something answers that does not speak as Truto: its errors have a form of their own, whatever their status. */
const otherServer = 'check TRUTO_BASE_URL, and what may stand between (a proxy, a login page); then the token';

function lookUp({ caller, ports, requestTimeoutMs }: Session, account: string) {
  return lookUpAccount(caller, account, performance.now() + requestTimeoutMs, ports.send);
}

async function checkReach(session: Session, source: string, step: Step): Promise<ExitCode> {
  const { refusal: answer } = await lookUp(session, nobodysAccount);
  // Truto cannot show an account that does not exist.
  if (answer === null || answer.kind === 'RemoteApiError') {
    const status = answer === null ? '' : ` ${answer.statusCode}`;
    step(false, 'upstream', `${session.upstreamUrl} answers${status}, but not as Truto does`, otherServer);
    return exitCodeOf('UpstreamUnavailableError');
  }
  if (answer.kind === 'Unauthenticated') {
    step(true, 'upstream', `${session.upstreamUrl} answers`);
    step(
      false,
      'token',
      `upstream does not accept the one of ${source}`,
      'make a new API token in Truto, and set it there',
    );
    return exitCodeOf('Unauthenticated');
  }
  // Nobody's account is not there, or not for us; either way somebody looked who took the token.
  if (answer.kind === 'IntegratedAccountNotFoundError' || answer.kind === 'ForbiddenError') {
    step(true, 'upstream', `${session.upstreamUrl} answers`);
    step(true, 'token', `of ${source}: accepted`);
    return exitCodes.done;
  }
  step(false, 'upstream', answer.message, toDo[answer.kind]);
  return exitCodeOf(answer.kind);
}

function capabilities({ name, requiresEngagementType, engagementTypes, parameters }: Integration): string {
  const types = engagementTypes.join('|');
  const type = requiresEngagementType ? `needs --type ${types}` : types ? `takes --type ${types}` : 'needs no --type';
  const rest = parameters.length > 0 ? `; lists the parameters ${parameters.join(', ')}` : '';
  return `${name}: deletes engagements; ${type}${rest}`;
}

async function checkAccount(session: Session, account: string, step: Step): Promise<ExitCode> {
  const { support, refusal } = await lookUp(session, account);
  if (refusal) {
    const { kind, message } = refusal;
    step(false, 'account', message, toDo[kind] ?? 'use a token of the environment that the account is in');
    return exitCodeOf(kind);
  }
  const { caller, ports, requestTimeoutMs } = session;
  const deadlineAt = performance.now() + requestTimeoutMs;
  if (support.kind === 'unsupported') {
    step(false, 'account', `${support.name} cannot delete engagements through Truto`, 'delete them in the CRM itself');
    return exitCodes.refused;
  }
  const isKnown = support.kind === 'supported';
  const unknown = 'an integration that is not in the table: deletes are sent, and Truto decides';
  step(true, 'account', isKnown ? capabilities(support.integration) : unknown);
  const options = { caller, selected: new Set<never>(), deadlineAt, hasCallerLeft: () => false };
  const page = await readEngagements({ integratedAccountId: account, first: 1, filter: {} }, options, ports);
  if (page.kind === 'Page') {
    step(
      true,
      'connection',
      'the provider lets engagements be read (whether it lets them be deleted, only a delete shows)',
    );
    return exitCodes.done;
  }
  step(false, 'connection', page.message, toDo[page.kind]);
  return exitCodeOf(page.kind);
}

/** What `check` is told. */
export interface CheckOptions {
  readonly account?: string;
  readonly tokenFile?: string;
}

/**
 * `check`: looks at the configuration, the token, the way to upstream and an account, and says what to do about what is
 * wrong. Nothing is changed anywhere.
 * @throws {ConfigError} or {@link UsageError} for what is wrong before anything can be asked.
 */
export async function checkCommand({ account, tokenFile }: CheckOptions): Promise<ExitCode> {
  const [mistake] = account === undefined ? [] : checkId(account, []);
  if (mistake) throw new UsageError(`--account: ${mistake.message}`);
  const credential = await findCredential(process.env, tokenFile);
  const { config, token, source } = credential;
  const output = createOutput(token);
  for (const warning of config.warnings) output.say(warning);
  const step = steps(output);
  const upstream = config.upstream === 'sandbox' ? 'the embedded sandbox' : config.upstream.origin;
  step(true, 'configuration', `AUTH_MODE=${config.auth.mode}, upstream ${upstream}`);
  const code = await withSession(credential, async (session) => {
    const reached = await checkReach(session, source, step);
    const isDone = reached !== exitCodes.done || account === undefined;
    return isDone ? reached : checkAccount(session, account, step);
  });
  return output.end(code);
}
