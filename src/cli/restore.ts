import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type LinePosition, ledgerName, readPieces } from '../bulk/undo-files.ts';
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
import { codeOf, type Ledger, linesOf, openLedger } from './ledger.ts';
import {
  type ExitCode,
  exitCodeOf,
  exitCodeOfFindings,
  exitCodes,
  messageOf,
  plain,
  UsageError,
  worst,
} from './output.ts';
import { runEach } from './progress.ts';
import { isAsked, type Session, type SessionOptions, withSession } from './session.ts';

type LineEnd =
  | RestoreEnd
  | { readonly kind: 'AlreadyRestored'; readonly newId: string }
  | { readonly kind: 'NotRestorable' | 'NotSent'; readonly message: string };

/** The newest line of a record, and where it is. */
interface Entry extends LinePosition {
  readonly file: string;
  readonly readAtMs: number | undefined;
  /** The fields that the new record will lack. */
  readonly lost: readonly string[];
  readonly refused: { readonly message: string; readonly code: ExitCode } | undefined;
}

type Entries = ReadonlyMap<string, Entry>;

interface Work {
  readonly session: Session;
  readonly options: SessionOptions;
  readonly ledger: Ledger;
}

const maxRunning = 8;
const nothingCreated = 'Nothing was created. ';

/** `restore <file|folder>`: creates the records anew, and prints a line for each with its old and its new id. */
export async function restoreCommand(path: string, options: SessionOptions): Promise<ExitCode> {
  const { folder, files } = await findUndoFiles(path);
  const ledger = await openLedger(folder, options.dryRun === true);
  async function restoreFiles(session: Session): Promise<ExitCode> {
    const work = { session, options, ledger };
    const { entries, code } = await indexFiles(files, work);
    return worst(worst(code, reportPlan(entries, work)), await restoreAll(entries, work));
  }
  try {
    return await withSession(options, restoreFiles, true);
  } finally {
    await ledger.close();
  }
}

/** The files with records: the path itself, or the `.jsonl` files directly in it. And their folder. @throws {UsageError} */
async function findUndoFiles(given: string): Promise<{ folder: string; files: readonly string[] }> {
  let path = given;
  const unusable = (why: string) =>
    new UsageError(`${path} ${why}. Nothing was sent. Give an undo file or its folder.`);
  try {
    // A link must not lead to another ledger.
    path = await realpath(given);
    const stats = await stat(path);
    // The lines of a pipe cannot be read twice.
    if (stats.isFile()) return { folder: dirname(path), files: [path] };
    if (!stats.isDirectory()) throw new Error('it is not a file');
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    const files = names.filter((name) => name.endsWith('.jsonl') && name !== ledgerName).sort();
    if (files.length > 0) return { folder: path, files: files.map((name) => join(path, name)) };
  } catch (error) {
    throw unusable(`cannot be read (${codeOf(error)})`);
  }
  throw unusable('has no .jsonl files directly in it');
}

/** Finds the newest line of each record, and checks it. Reports lines that cannot be read. */
async function indexFiles(files: readonly string[], work: Work): Promise<{ entries: Entries; code: ExitCode }> {
  const { output, stop } = work.session;
  const entries = new Map<string, Entry>();
  let code: ExitCode = exitCodes.done;
  let unreadableCount = 0;
  for (const file of files)
    for await (const { bytes, number, isTorn, ...position } of linesOf(file)) {
      if (stop.aborted) return { entries, code: exitCodes.notNow };
      const line = readUndoLine(bytes);
      // A record is deleted only after its line in an undo file is complete.
      if (line.kind === 'Unreadable' && isTorn && bytes.toString('latin1').startsWith('{"integratedAccountId"'))
        output.say(`The last line of ${file} is incomplete. Its engagement was not deleted.`);
      else if (line.kind === 'Unreadable') {
        code = exitCodes.refused;
        unreadableCount += 1;
        const message = `Line ${number} of ${plain(file)} cannot be restored: ${line.why}.`;
        output.report([message], { file, line: number, result: 'UnreadableLine', message });
      } else if (line.kind === 'Record') {
        const key = engagementKey(line.record);
        if (!isNewest(line, entries.get(key))) continue;
        const checked = await checkRecord(line, work);
        if (checked === 'Unauthenticated') {
          output.say(messageOf({ kind: checked }, nothingCreated));
          return { entries: new Map(), code: exitCodeOf(checked) };
        }
        entries.set(key, { ...position, file, readAtMs: line.readAtMs, ...checked });
      }
    }
  if (unreadableCount > 0) output.say(`Lines that cannot be read: ${unreadableCount}. Their records are not restored.`);
  return { entries, code };
}

async function checkRecord(kept: KeptRecord, work: Work): Promise<Pick<Entry, 'lost' | 'refused'> | 'Unauthenticated'> {
  const { lost } = createOf(kept);
  if (work.ledger.find(engagementKey(kept.record))?.event === 'restored') return { lost: [], refused: undefined };
  const end = await planRestore(kept, termsOf(work), work.session.ports);
  if (end.kind !== 'CreateEngagementPlan')
    return { lost, refused: { message: messageOf(end, nothingCreated), code: exitCodeOf(end.kind) } };
  const refusals = end.findings.filter(({ severity }) => severity === 'REFUSAL');
  if (refusals.some(({ result }) => result === 'UNAUTHENTICATED')) return 'Unauthenticated';
  const message = refusals.map(located).join(' ');
  return { lost, refused: message === '' ? undefined : { message, code: exitCodeOfFindings(refusals) } };
}

function partsOf(key: string): { readonly id: string; readonly integratedAccountId: string } {
  const [integratedAccountId, , id] = JSON.parse(key);
  return { id, integratedAccountId };
}

function termsOf({ session: { caller, config, stop }, options }: Work) {
  const { requestTimeoutMs } = config;
  return { caller, dryRun: options.dryRun === true, requestTimeoutMs, hasCallerLeft: () => stop.aborted };
}

/** Prints the records that cannot be restored, and why; says which fields of the others are lost. */
function reportPlan(entries: Entries, work: Work): ExitCode {
  const { say } = work.session.output;
  const refused = [...entries].flatMap(([key, entry]) => (entry.refused ? [{ key, ...entry.refused }] : []));
  for (const { key, message } of refused) print(key, { kind: 'NotRestorable', message }, work);
  for (const [message, { length }] of Map.groupBy(refused, ({ message }) => message))
    say(`${length} of ${entries.size} records cannot be restored: ${message}`);
  const lostFields = [...entries.values()].flatMap(({ lost, refused }) => (refused ? [] : lost));
  const lost = [...Map.groupBy(lostFields, (field) => field)].map(([field, { length }]) => `${field} (${length})`);
  if (lost.length > 0) say(`The new records will lack these fields (in how many records): ${lost.join(', ')}.`);
  return refused.reduce<ExitCode>((code, entry) => worst(code, entry.code), exitCodes.done);
}

async function restoreAll(entries: Entries, work: Work): Promise<ExitCode> {
  const { session, options, ledger } = work;
  const keys = [...entries].flatMap(([key, { refused }]) => (refused ? [] : [key]));
  const newKeys = keys.filter((key) => ledger.find(key)?.event !== 'restored');
  if (newKeys.length > 0 && isAsked(options)) {
    const accounts = [...new Set(newKeys.map((key) => partsOf(key).integratedAccountId))];
    const texts = await Promise.all(accounts.map((account) => session.describeAccount(account)));
    const what = `${newKeys.length} engagement${newKeys.length === 1 ? '' : 's'}`;
    const where = `integrated account ${texts.map(({ text }) => text).join(', ')}`;
    const question = `Restore ${what} in ${where}? Each gets a new id, and links to the old ones stay broken.`;
    if (!(await session.confirm(question))) {
      session.output.say('Nothing was created: you did not confirm it.');
      return exitCodes.notNow;
    }
  }
  const bar = { most: maxRunning, verb: 'restored', what: 'records' };
  return runEach(keys, bar, session, createRestore(entries, work), (key, end) => {
    print(key, end, work);
    return exitCodeOf(end.kind);
  });
}

/** Returns how to restore one record, once the restores of records with the same values have ended: a search finds all of them. */
function createRestore(entries: Entries, work: Work): (key: string) => Promise<LineEnd> {
  const { session, ledger } = work;
  const halt = new AbortController();
  const until = AbortSignal.any([session.stop, halt.signal]);
  const ends = new Map<string, Promise<unknown>>();
  const seenReferences: SeenReferences = new Map();

  /** The creates of earlier runs that have no known end. */
  const begunKeys = ledger.begunKeys();

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
    const begunAtMs = known?.event === 'begun' ? Date.parse(known.at) : undefined;
    let isBegun = false;
    const hasCallerLeft = () => until.aborted;
    const terms = { ...termsOf(work), hasCallerLeft, refusalCount: known?.refusalCount ?? 0, begunAtMs };
    const ports = {
      ...{ ...session.ports, seenReferences },
      isTaken: (newId: string) => ledger.isTaken(newId, key),
      async *others() {
        const { integratedAccountId } = partsOf(key);
        const isOther = (one: string) => one !== key && partsOf(one).integratedAccountId === integratedAccountId;
        for (const other of begunKeys)
          if (isOther(other) && ledger.find(other)?.event === 'begun') yield readEntry(other, entries);
      },
      async onBegin() {
        // Before each attempt: a search looks only for what was created soon after.
        isBegun = (await note(key, 'begun')) || isBegun;
      },
    };
    const end = await session.patiently(() => restoreEngagement(kept, terms, ports), { until });
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
      if (until.aborted) return { kind: 'NotSent', message: 'Nothing was sent: the command was stopped.' } as const;
      return restore(key, kept);
    })();
    const settled = end.catch(() => {});
    ends.set(values, settled);
    void settled.then(() => ends.get(values) === settled && ends.delete(values));
    return end;
  }

  return stopOnAccountError(restoreInTurn, (key) => partsOf(key).integratedAccountId);
}

/** Reads the newest line of a record again. Undefined if it is no longer there. */
async function readEntry(key: string, entries: Entries): Promise<KeptRecord | undefined> {
  const entry = entries.get(key);
  if (!entry) return undefined;
  const kept = readUndoLine(await buffer(readPieces(entry.file, entry)).catch(() => Buffer.alloc(0)));
  return kept.kind === 'Record' && engagementKey(kept.record) === key ? kept : undefined;
}

function print(key: string, end: LineEnd, { session }: Work): void {
  const { id, integratedAccountId } = partsOf(key);
  const { headline, details } = describe(end, session.upstreamUrl);
  const newId = 'newId' in end ? ` → ${plain(end.newId)}` : '';
  const notes = 'warnings' in end ? end.warnings.map((note) => `  ${plain(note)}`) : [];
  const line = { ...session.lineOf(id, integratedAccountId), result: end.kind, ...details };
  session.output.report([`${plain(id)}${newId}  ${plain(headline)}`, ...notes], line);
}

/** An end for people and for programs. */
function describe(end: LineEnd, upstreamUrl: string): { headline: string; details: object } {
  const { kind, ...details } = end;
  switch (end.kind) {
    case 'Restored':
      return { headline: end.outcome === 'FOUND' ? 'restored: a search found the new record' : 'restored', details };
    case 'AlreadyRestored':
      return { headline: 'restored by an earlier run', details };
    case 'RestorePlan': {
      // Without the headers: the token is one of them.
      const { method, path } = end.request;
      const request = { method, url: upstreamUrl + path };
      return { headline: 'would be created again', details: { request, lost: end.lost, warnings: end.warnings } };
    }
    default: {
      const message = messageOf(end, nothingCreated);
      return { headline: `${kind}: ${message}`, details: kind === 'Unauthenticated' ? { message } : details };
    }
  }
}
