import { withoutFinalSlash } from '../config/settings.ts';
import { type AccountLookup, lookUpAccount, readMethods } from '../engagement/account.ts';
import { type Drift, onDrift } from '../engagement/drift.ts';
import { canCreate, type Integration } from '../engagement/integrations.ts';
import { readEngagements } from '../engagement/read.ts';
import { wireFieldsOf } from '../engagement/record.ts';
import { checkId } from '../engagement/rules.ts';
import { type ExitCode, exitCodeOf, exitCodes, type ResultKind, UsageError } from './output.ts';
import { type Session, type SessionOptions, withSession } from './session.ts';

/** The options of `check`. `drift` also compares what Truto answers with its documentation. Only with an account. */
type CheckOptions = SessionOptions & { readonly account?: string; readonly drift?: boolean };

/** `check`: checks configuration, upstream, token and an account, and says how to fix a fault. Changes nothing. */
export async function checkCommand({ account, drift = false, ...options }: CheckOptions): Promise<ExitCode> {
  const [mistake] = account === undefined ? [] : checkId(account, []);
  if (mistake) throw new UsageError(`--account: ${mistake.message}`);
  if (drift && account === undefined) throw new UsageError('--drift needs --account');
  return withSession(options, async (session) => {
    const { auth, upstream } = session.config;
    const target = upstream === 'sandbox' ? 'the embedded sandbox' : withoutFinalSlash(upstream);
    // `open` is no value of AUTH_MODE: it is the mode without one, over the embedded sandbox.
    const mode = auth.mode === 'open' ? 'no AUTH_MODE' : `AUTH_MODE=${auth.mode}`;
    ok(session, 'configuration', `${mode}, upstream ${target}`);
    const reached = await checkReach(session);
    if (reached !== exitCodes.done || account === undefined) return reached;
    return drift ? compareAccount(session, account) : checkAccount(session, account);
  });
}

function ok({ output }: Session, step: string, finding: string): void {
  output.print(`ok    ${step.padEnd(15)}${finding}`);
}

const fixes: Readonly<Partial<Record<string, string>>> = {
  IntegratedAccountNotFoundError: 'look the id up in Truto, in the environment of the token',
  ForbiddenError: 'give the connection the permission in the provider, or connect the account again with more scopes',
  AccountNeedsReauthError: 'have the account connected again (Truto: re-authentication link)',
  AccountBlockedError: 'ask Truto to unblock the account, or wait if it is only paused',
  RateLimitedError: 'wait, and run the check again',
  UpstreamUnavailableError: 'check TRUTO_BASE_URL, name resolution, proxies and firewalls; then run the check again',
  RemoteApiError:
    'the provider itself refuses: look at the status. A 404 that is not from Truto means a wrong TRUTO_BASE_URL',
};

function fault(
  { output }: Session,
  step: string,
  { kind, message, fix = fixes[kind] }: { readonly kind: ResultKind; readonly message: string; readonly fix?: string },
): ExitCode {
  output.print(`FAULT ${step.padEnd(15)}${message}`);
  if (fix) output.print(`${' '.repeat(21)}-> ${fix}`);
  return exitCodeOf(kind);
}

function lookUp({ terms, ports }: Session, account: string): Promise<AccountLookup> {
  const { caller, deadlineAt } = terms();
  return lookUpAccount(caller, account, deadlineAt, ports.send);
}

/** Looks up an account that does not exist: Truto's refusal shows that it is reachable, and whether it accepts the token. */
async function checkReach(session: Session): Promise<ExitCode> {
  const { upstreamUrl, tokenSource } = session;
  const { refusal } = await lookUp(session, '00000000-0000-0000-0000-000000000000');
  // Truto's own errors have their own form, with any status.
  if (refusal === null || refusal.kind === 'RemoteApiError') {
    const message = `${upstreamUrl} answers${refusal === null ? '' : ` ${refusal.statusCode}`}, but not like Truto`;
    const fix = 'check TRUTO_BASE_URL, look for a proxy or a login page in between, then check the token';
    fault(session, 'upstream', { kind: 'RemoteApiError', message, fix });
    return exitCodes.notNow;
  }
  const { kind } = refusal;
  const isRefused = kind === 'Unauthenticated';
  if (!isRefused && kind !== 'IntegratedAccountNotFoundError' && kind !== 'ForbiddenError')
    return fault(session, 'upstream', refusal);
  ok(session, 'upstream', `${upstreamUrl} answers`);
  if (isRefused) {
    const message = `upstream does not accept the token from ${tokenSource}`;
    return fault(session, 'token', { kind, message, fix: 'make a new API token in Truto, and use it' });
  }
  ok(session, 'token', `from ${tokenSource}: accepted`);
  return exitCodes.done;
}

async function checkAccount(session: Session, account: string): Promise<ExitCode> {
  const { support, refusal } = await lookUp(session, account);
  if (refusal) {
    const fix = fixes[refusal.kind] ?? 'use a token of the same environment as the account';
    return fault(session, 'account', { ...refusal, fix });
  }
  if (support.kind === 'unsupported') {
    const message = `${support.name} cannot delete engagements through Truto`;
    const kind = 'UnsupportedIntegrationError';
    return fault(session, 'account', { kind, message, fix: 'delete them in the CRM itself' });
  }
  const unknown = 'an integration without known rules: deletes are sent, and Truto decides';
  ok(session, 'account', support.kind === 'supported' ? capabilities(support.integration) : unknown);

  const terms = { ...session.terms(), selected: new Set<never>() };
  const page = await readEngagements({ integratedAccountId: account, first: 1, filter: {} }, terms, session.ports);
  if (page.kind !== 'Page') return fault(session, 'connection', page);
  ok(session, 'connection', 'engagements can be read (only a delete shows whether they can be deleted)');
  return exitCodes.done;
}

const driftTexts: Readonly<Record<Drift['kind'], string>> = {
  unknown_key: 'fields that are not documented',
  missing_key: 'fields that no record has',
  odd_type: 'fields with another type than documented',
  rule: 'methods that differ from the table of integrations',
};

/** Compares the account's methods, and the first page of its engagements, with Truto's documentation. A difference is no fault. */
async function compareAccount(session: Session, account: string): Promise<ExitCode> {
  const { caller, ports, output } = session;
  const found = new Map<string, number>();
  const add = ({ kind, names }: Pick<Drift, 'kind' | 'names'>) => {
    for (const name of names) found.set(`${kind} ${name}`, (found.get(`${kind} ${name}`) ?? 0) + 1);
  };
  // The look-up reports a difference too: then its answer no longer says which integration it is.
  const stop = onDrift(add);
  try {
    const { support, refusal } = await lookUp(session, account);
    if (refusal) return await checkAccount(session, account);
    const terms = { ...session.terms(), selected: new Set(wireFieldsOf('engagements')) };
    const methods = await readMethods(caller, account, terms.deadlineAt, ports.send);
    const page = await readEngagements({ integratedAccountId: account, first: 100, filter: {} }, terms, ports);
    if (page.kind !== 'Page') return fault(session, 'connection', page);
    let notCompared = '';
    if (!methods) notCompared = "Truto does not list the account's methods";
    else if (support.kind === 'unknown')
      notCompared = 'methods were not compared: the table does not have this integration';
    else {
      const documented = { delete: support.kind === 'supported', create: canCreate(support) };
      const differing = Object.entries(documented).filter(([method, has]) => methods.includes(method) !== has);
      add({ kind: 'rule', names: differing.map(([method]) => method) });
    }
    for (const [kind, text] of Object.entries(driftTexts)) {
      const isShown = ([key, count]: [string, number]) =>
        key.startsWith(`${kind} `) && (kind !== 'missing_key' || count === page.records.length);
      const names = [...found].filter(isShown).map(([key]) => key.slice(kind.length + 1));
      if (names.length > 0) output.print(`DRIFT ${kind.padEnd(15)}${text}: ${names.sort().join(', ')}`);
      else if (notCompared && kind === 'rule') output.print(`DRIFT ${kind.padEnd(15)}${notCompared}`);
      else ok(session, kind, `no ${text}`);
    }
    return exitCodes.done;
  } finally {
    stop();
  }
}

function capabilities({ name, requiresEngagementType, engagementTypes, parameters }: Integration): string {
  const types = engagementTypes.join('|');
  const type = requiresEngagementType ? `needs --type ${types}` : types ? `takes --type ${types}` : 'needs no --type';
  const rest = parameters.length > 0 ? `; lists the parameters ${parameters.join(', ')}` : '';
  return `${name}: deletes engagements; ${type}${rest}`;
}
