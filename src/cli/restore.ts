import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CreateEngagementInput } from '../engagement/create/input.ts';
import { contradicts } from '../engagement/create/outcome.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import {
  createOf,
  planRestore,
  type RestoreEnd,
  restoreEngagement,
  type SeenReferences,
} from '../engagement/restore/restore-engagement.ts';
import { engagementKey, isNewest, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import { located } from '../engagement/result.ts';
import { digest } from '../upstream/digest.ts';
import { stopOnAccountError } from './bulk.ts';
import { canAsk, confirm, exitCodeOfFindings, integrationNameIn, withStop } from './delete.ts';
import { Ledger } from './ledger.ts';
import { type ExitCode, exitCodeOf, exitCodes, isForPeople, plain, tokenRefused } from './output.ts';
import { sendPatiently } from './patience.ts';
import { Progress } from './progress.ts';
import type { Session } from './session.ts';
import { codeOf, findUndoFiles, linesOf, type PositionInFile, readLine } from './undo-files.ts';

/** The options of `restore`. */
export interface RestoreOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
  /** How many seconds a restore is retried while a retry is safe. */
  readonly patience: number;
  readonly tokenFile?: string;
}

/** How the line of a record ends. */
type LineEnd =
  | RestoreEnd
  | { readonly kind: 'AlreadyRestored'; readonly newId: string }
  | { readonly kind: 'NotRestorable' | 'NotSent'; readonly message: string };

/** The newest line of a record. */
interface Entry extends PositionInFile {
  readonly readAtMs: number | undefined;
  /** The fields that the new record will lack. */
  readonly lost: readonly string[];
  /** Why it cannot be restored. */
  readonly refused: { readonly message: string; readonly code: ExitCode } | undefined;
}

/** The records of the files, by their keys. */
type Entries = ReadonlyMap<string, Entry>;

/** One command's work. */
interface Work {
  readonly session: Session;
  readonly options: RestoreOptions;
  readonly ledger: Ledger;
  /** Aborted once nothing further is to be sent. */
  readonly stop: AbortSignal;
}

/** How many records are restored at once. */
const maxRunning = 8;

/** `restore <file|folder>`: creates the records anew, and prints a line for each with its old and its new id. */
export async function restoreCommand(path: string, options: RestoreOptions): Promise<ExitCode> {
  const { folder, files } = await findUndoFiles(path);
  const ledger = await Ledger.open(folder, options.dryRun === true);
  try {
    return await withStop(options.tokenFile, async (session, stop) => {
      const work = { session, options, ledger, stop };
      const { entries, code } = await indexFiles(files, work);
      const codes = [code, reportPlan(entries, work), await restoreAll(entries, work)];
      return Math.max(...codes) as ExitCode;
    });
  } finally {
    await ledger.close();
  }
}

/** Finds the newest line of each record, and checks it. Reports lines that cannot be read. */
async function indexFiles(files: readonly string[], work: Work): Promise<{ entries: Entries; code: ExitCode }> {
  const { output } = work.session;
  const entries = new Map<string, Entry>();
  let code: ExitCode = exitCodes.done;
  for (const file of files)
    for await (const { bytes, number, isTorn, ...position } of linesOf(file)) {
      if (work.stop.aborted) return { entries, code: exitCodes.notNow };
      const line = readUndoLine(bytes);
      // A record is deleted only after its line in an undo file is complete.
      if (line.kind === 'Unreadable' && isTorn && bytes.toString('latin1').startsWith('{"integratedAccountId"'))
        output.say(`The last line of ${file} is incomplete. Its engagement was not deleted.`);
      else if (line.kind === 'Unreadable') {
        code = exitCodes.refused;
        const message = `Line ${number} of ${plain(file)} cannot be restored: ${line.why}.`;
        if (isForPeople(work.options)) output.print(message);
        else output.print(JSON.stringify({ file, line: number, result: 'UnreadableLine', message }));
      } else if (line.kind === 'Record') {
        const key = engagementKey(line.record);
        if (!isNewest(line, entries.get(key))) continue;
        const checked = await checkRecord(line, work);
        if (checked === 'Unauthenticated') {
          output.say(`Nothing was created. ${tokenRefused}`);
          return { entries: new Map(), code: exitCodeOf(checked) };
        }
        entries.set(key, { ...position, file, readAtMs: line.readAtMs, ...checked });
      }
    }
  return { entries, code };
}

async function checkRecord(kept: KeptRecord, work: Work): Promise<Pick<Entry, 'lost' | 'refused'> | 'Unauthenticated'> {
  const { lost } = createOf(kept);
  if (work.ledger.find(engagementKey(kept.record))?.event === 'restored') return { lost: [], refused: undefined };
  const end = await planRestore(kept, termsOf(work), portsOf(work));
  if (end.kind !== 'CreateEngagementPlan')
    return { lost, refused: { message: messageOf(end), code: exitCodeOf(end.kind) } };
  const refusals = end.findings.filter(({ severity }) => severity === 'REFUSAL');
  if (refusals.some(({ result }) => result === 'UNAUTHENTICATED')) return 'Unauthenticated';
  const message = refusals.map(located).join(' ');
  return { lost, refused: message === '' ? undefined : { message, code: exitCodeOfFindings(refusals) } };
}

/** The id and the account of an engagement, from its key. */
function partsOf(key: string): { readonly id: string; readonly integratedAccountId: string } {
  const [integratedAccountId, , id] = JSON.parse(key);
  return { id, integratedAccountId };
}

function termsOf({ session, options, stop }: Work) {
  const { caller, config } = session;
  const { requestTimeoutMs } = config;
  return { caller, dryRun: options.dryRun === true, requestTimeoutMs, hasCallerLeft: () => stop.aborted };
}

/** The ports of a create. The printed line and the ledger are its record. */
function portsOf({ session }: Work) {
  return { ...session.ports, recordCreate() {}, recordRepeatedCreate() {} };
}

/** Prints the records that cannot be restored, and why; says which fields of the others are lost. */
function reportPlan(entries: Entries, work: Work): ExitCode {
  const { say } = work.session.output;
  const reasons = new Map<string, number>();
  const lostCounts = new Map<string, number>();
  let code: ExitCode = exitCodes.done;
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const [key, { lost, refused }] of entries) {
    if (!refused) for (const field of lost) count(lostCounts, field);
    else {
      count(reasons, refused.message);
      print(key, { kind: 'NotRestorable', message: refused.message }, work);
      code = Math.max(code, refused.code) as ExitCode;
    }
  }
  for (const [message, records] of reasons) say(`${records} of ${entries.size} records cannot be restored: ${message}`);
  const lost = [...lostCounts].map(([field, records]) => `${field} (${records})`).join(', ');
  if (lost) say(`The new records will lack these fields (in how many records): ${lost}.`);
  return code;
}

async function restoreAll(entries: Entries, work: Work): Promise<ExitCode> {
  const { session, options, ledger, stop } = work;
  const { output, limit } = session;
  const keys = [...entries].flatMap(([key, { refused }]) => (refused ? [] : [key]));
  const newKeys = keys.filter((key) => ledger.find(key)?.event !== 'restored');
  if (newKeys.length > 0 && canAsk() && !options.yes && !options.dryRun) {
    const question = output.shown(await questionAbout(newKeys, session));
    if (!(await confirm(question, stop))) {
      output.say('Nothing was created: you did not confirm it.');
      return exitCodes.notNow;
    }
  }
  const progress = new Progress(process.stderr, keys.length, 0, process.stdout.isTTY, 'restored');
  if (process.stderr.isTTY) limit.onWait = (waitMs) => progress.wait(waitMs);
  const restoreOne = createRestore(entries, work);
  const waiting = keys.values();
  let code: ExitCode = exitCodes.done;
  try {
    await Promise.all(
      Array.from({ length: maxRunning }, async () => {
        for (const key of waiting) {
          // Restores that send nothing would end without a pause, and no signal would be read.
          await nextTurn();
          const end = await restoreOne(key);
          progress.makeRoom();
          print(key, end, work);
          code = Math.max(code, exitCodeOf(end.kind)) as ExitCode;
          progress.count(end.kind);
        }
      }),
    );
  } finally {
    output.say(progress.end('records'));
  }
  return code;
}

async function questionAbout(keys: readonly string[], session: Session): Promise<string> {
  const accounts = [...new Set(keys.map((key) => partsOf(key).integratedAccountId))];
  const { caller, config, ports } = session;
  const deadlineAt = performance.now() + config.requestTimeoutMs;
  const names = await Promise.all(
    accounts.map(async (account) => {
      const { support } = await ports.findAccountIntegration(caller, account, deadlineAt);
      return `${plain(account)} (${integrationNameIn(support)})`;
    }),
  );
  const what = `${keys.length} engagement${keys.length === 1 ? '' : 's'}`;
  return `Restore ${what} in integrated account ${names.join(', ')}? Each gets a new id, and links to the old ones stay broken.`;
}

/** Returns how to restore one record, once the restores of records with the same values have ended: a search finds all of them. */
function createRestore(entries: Entries, work: Work): (key: string) => Promise<LineEnd> {
  const { session, options, ledger } = work;
  const halt = new AbortController();
  const stop = AbortSignal.any([work.stop, halt.signal]);
  const ends = new Map<string, Promise<unknown>>();
  const seenReferences: SeenReferences = new Map();
  const ofAccounts = new Map<string, (key: string) => Promise<LineEnd>>();

  /** The creates of earlier runs that have no known end. Undefined for one whose line is not in these files. */
  const begun = new Map<string, Promise<CreateEngagementInput | undefined>>();
  for (const key of ledger.begunKeys)
    begun.set(
      key,
      readEntry(key, entries).then((kept) => kept && createOf(kept).input),
    );

  async function begunBesides(key: string) {
    const others = [...begun].filter(
      ([other]) => other !== key && partsOf(other).integratedAccountId === partsOf(key).integratedAccountId,
    );
    return Promise.all(others.map(async ([other, input]) => [other, await input] as const));
  }

  /** Notes an event in the ledger. When that fails, nothing further is sent. */
  async function note(key: string, event: 'begun' | 'restored' | 'refused', newId?: string): Promise<boolean> {
    try {
      await ledger.write(key, event, newId);
      return true;
    } catch (error) {
      if (!halt.signal.aborted)
        session.output.say(`The ledger cannot be written (${codeOf(error)}). Nothing further is sent.`);
      halt.abort();
      return false;
    }
  }

  async function restore(key: string, kept: KeptRecord): Promise<LineEnd> {
    const known = ledger.find(key);
    const begunAtMs = known?.event === 'begun' ? known.atMs : undefined;
    const others = await begunBesides(key);
    let isBegun = false;
    const terms = {
      ...{ ...termsOf(work), hasCallerLeft: () => stop.aborted },
      ...{ refusalCount: known?.refusalCount ?? 0, begunAtMs },
    };
    const ports = {
      ...{ ...portsOf(work), seenReferences },
      isTaken: (newId: string) => ledger.isTaken(newId, key),
      mayBeOfOther: (found: EngagementRecord) =>
        others.some(
          ([other, input]) =>
            ledger.find(other)?.event === 'begun' && (input === undefined || !contradicts(found, input)),
        ),
      async onBegin() {
        // Before each attempt: a search looks only for what was created soon after.
        isBegun = (await note(key, 'begun')) || isBegun;
      },
    };
    const { patience: seconds } = options;
    const { onLimit, onRetry } = session;
    const end = await sendPatiently(() => restoreEngagement(kept, terms, ports), { seconds, stop, onLimit, onRetry });
    if (halt.signal.aborted && !isBegun && end.kind === 'UpstreamUnavailableError')
      return { kind: 'NotSent', message: 'Nothing was created: the ledger cannot be written.' };
    if (end.kind === 'Restored') await note(key, 'restored', end.newId);
    else if (isBegun && exitCodeOf(end.kind) !== exitCodes.unknown) await note(key, 'refused');
    return end;
  }

  async function restoreInTurn(key: string): Promise<LineEnd> {
    const known = ledger.find(key);
    if (known?.event === 'restored') return { kind: 'AlreadyRestored', newId: known.newId ?? '' };
    const kept = await readEntry(key, entries);
    if (!kept) return { kind: 'NotSent', message: 'Nothing was sent: the file has changed. Run it again.' };
    const values = digest(createOf(kept).input);
    const before = ends.get(values);
    const end = (async () => {
      await before;
      if (stop.aborted) return { kind: 'NotSent', message: 'Nothing was sent: the command was stopped.' } as const;
      return restore(key, kept);
    })();
    const settled = end.catch(() => {});
    ends.set(values, settled);
    void settled.then(() => ends.get(values) === settled && ends.delete(values));
    return end;
  }

  return (key) => {
    const { integratedAccountId } = partsOf(key);
    const ofAccount = ofAccounts.get(integratedAccountId) ?? stopOnAccountError(restoreInTurn);
    ofAccounts.set(integratedAccountId, ofAccount);
    return ofAccount(key);
  };
}

/** Reads the newest line of a record again. Undefined if it is no longer there. */
async function readEntry(key: string, entries: Entries): Promise<KeptRecord | undefined> {
  const entry = entries.get(key);
  const bytes = entry && (await readLine(entry).catch(() => undefined));
  const kept = bytes && readUndoLine(bytes);
  return kept?.kind === 'Record' && engagementKey(kept.record) === key ? kept : undefined;
}

/** Prints the line of one record. */
function print(key: string, end: LineEnd, { session, options }: Work): void {
  const { output, isSandbox, upstreamUrl } = session;
  const { id, integratedAccountId } = partsOf(key);
  if (isForPeople(options)) {
    const newId = 'newId' in end ? ` → ${plain(end.newId)}` : '';
    output.print(`${plain(id)}${newId}  ${plain(headlineOf(end))}`);
    for (const note of 'warnings' in end ? end.warnings : []) output.print(`  ${plain(note)}`);
    return;
  }
  const line = { id, integratedAccountId, ...(isSandbox && { sandbox: true }), result: end.kind };
  output.print(JSON.stringify({ ...line, ...detailsOf(end, upstreamUrl) }));
}

function headlineOf(end: LineEnd): string {
  switch (end.kind) {
    case 'Restored':
      return end.outcome === 'FOUND' ? 'restored: a search found the new record' : 'restored';
    case 'AlreadyRestored':
      return 'restored by an earlier run';
    case 'RestorePlan':
      return 'would be created again';
    default:
      return `${end.kind}: ${messageOf(end)}`;
  }
}

function detailsOf(end: LineEnd, upstreamUrl: string): object {
  if (end.kind === 'RestorePlan') {
    // Without the headers: the token is one of them.
    const { method, path } = end.request;
    return { request: { method, url: upstreamUrl + path }, lost: end.lost, warnings: end.warnings };
  }
  const { kind, ...rest } = end;
  return kind === 'Unauthenticated' ? { message: messageOf(end) } : rest;
}

function messageOf(end: { readonly kind: string; readonly message?: string }): string {
  return end.kind === 'Unauthenticated' ? `Nothing was created. ${tokenRefused}` : (end.message ?? '');
}
