import { PassThrough } from 'node:stream';
import type { BulkJob } from '../../src/bulk/job.ts';
import type { Abilities } from '../../src/bulk/job-store.ts';
import { Pace } from '../../src/bulk/pace.ts';
import { runPage } from '../../src/bulk/run-page.ts';
import type { WorkEnd, WorkPorts } from '../../src/bulk/work.ts';
import { Secret } from '../../src/config/secret.ts';
import { createAccountLookup } from '../../src/engagement/account.ts';
import { createLog } from '../../src/log/log.ts';
import type { Attempt, Send, UpstreamAnswer } from '../../src/upstream/attempt.ts';
import { type BulkStore, createJob, takeLease } from './bulk-store.ts';

/** What a worker asks upstream for. */
export type Asked = 'delete' | 'read' | 'list' | 'look-up';

/** A request that a page's work has sent. */
export interface SentRequest {
  readonly asked: Asked;
  /** The last part of its path: an engagement's id. */
  readonly id: string;
  readonly idempotencyKey: string | undefined;
}

/** Upstream's answer with that status. */
export function answered(statusCode: number, body?: object | string, headers: Record<string, string> = {}): Attempt {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(text);
  const type = typeof body === 'string' ? 'text/html' : 'application/json';
  const answer: UpstreamAnswer = {
    ...{ kind: 'answer', statusCode, headers: { 'content-type': type, ...headers } },
    ...{ body: { kind: 'complete', bytes }, disconnect() {} },
  };
  return answer;
}

/** A refusal in Truto's own name. */
export const refused = (statusCode: number, headers: Record<string, string> = {}, rest: object = {}): Attempt =>
  answered(statusCode, { statusCode, error: 'Some Error', message: 'no', ...rest }, headers);

/** A body that is longer than `MAX_UPSTREAM_BYTES`. */
export const tooLarge: Attempt = {
  ...{ kind: 'answer', statusCode: 200, headers: { 'content-type': 'application/json' } },
  ...{ body: { kind: 'unreadable', reason: 'too-large' }, disconnect() {} },
};

/** It was sent, and its outcome is unknown. */
export const lost: Attempt = { kind: 'failure', mayHaveBeenSent: true, reason: 'reset' };

/** Not a byte of it was sent. */
export const notSent: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'refused' };

const usual: Readonly<Record<Asked, (id: string) => Attempt>> = {
  delete: () => answered(204),
  read: (id) => answered(200, { id }),
  list: () => answered(200, { result: [], next_cursor: null }),
  'look-up': (id) => answered(200, { id, integration: { name: 'capsule' } }),
};

function askedBy(method: string, path: string): Asked {
  if (path.startsWith('/integrated-account/')) return 'look-up';
  if (method === 'DELETE') return 'delete';
  return path.endsWith('/engagements') ? 'list' : 'read';
}

/** Answers a request; undefined as a healthy upstream does. */
export type PickAttempt = (request: SentRequest) => Attempt | undefined | Promise<Attempt | undefined>;

/** A page's work, called step by step. Nothing waits: the test ignores when the page wants to be called again. */
export interface PageUnderTest {
  readonly job: BulkJob;
  /** All that was sent, in order. */
  readonly sent: readonly SentRequest[];
  /** What is in the log of its deletes. */
  readonly audited: readonly {
    readonly engagementId: string | null;
    readonly result: string;
    readonly detail: string;
  }[];
  /** The files that were kept, by name. */
  readonly kept: ReadonlyMap<string, string>;
  /** Decides what upstream answers from now on. */
  answer(pick: PickAttempt): void;
  /** Works on the page once; and tells what was sent meanwhile. */
  run(): Promise<{ readonly end: WorkEnd; readonly sent: readonly SentRequest[] }>;
  /** How the job is now. */
  read(): Promise<BulkJob>;
  /** The outcome of each engagement, by its id; `begun` for one that may have been sent. */
  states(): Promise<Readonly<Record<string, string | undefined>>>;
  /** A number that the page's states hold, such as `waits:look:0`. */
  counted(name: string): Promise<number>;
}

/** How long a request may take, in milliseconds: what the waits that are asked for are measured by. */
export const requestTimeoutMs = 1_000;

let count = 0;

/** Keeps a job of one page, in a queue of its own, and takes its page. */
export async function startPage(
  kept: BulkStore,
  ids: readonly string[],
  { snapshot = false, ...more }: { readonly snapshot?: boolean } & Partial<WorkPorts> = {},
): Promise<PageUnderTest> {
  count += 1;
  const abilities: Abilities = { upstream: `u${count}`, credential: 'own', keepsUndoFiles: true };
  const job = await createJob(kept, ids, { abilities, snapshot });
  const lease = await takeLease(kept, abilities);
  const sent: SentRequest[] = [];
  const audited: PageUnderTest['audited'][number][] = [];
  const files = new Map<string, string>();
  let opened = 0;
  let pick: PickAttempt = () => undefined;

  const send: Send = async ({ method, path }, { keyAfter }) => {
    const place = path.split('?')[0] ?? '';
    const id = decodeURIComponent(place.split('/').at(-1) ?? '');
    const request = { asked: askedBy(method, place), id, idempotencyKey: keyAfter?.(0) };
    sent.push(request);
    const attempt = (await pick(request)) ?? usual[request.asked](id);
    const answerCount = attempt.kind === 'answer' ? 1 : 0;
    const { idempotencyKey } = request;
    return { attempt, attemptCount: 1, answerCount, idempotencyKey, mayHaveActedBefore: false };
  };
  const ports: WorkPorts = {
    ...{ store: kept.store, send, findAccountIntegration: createAccountLookup(send, requestTimeoutMs) },
    undoStore: {
      openPage(jobId, page) {
        opened += 1;
        const name = `${jobId}/${page}-${opened}`;
        return async (line) => {
          files.set(name, `${files.get(name) ?? ''}${line}`);
          return name;
        };
      },
      read: () => Promise.reject(new Error('nothing is read')),
      folder: undefined,
      probe: async () => ({ kind: 'kept' }),
    },
    // Each run has a pace of its own, that waits for no limit: the next run is as if the limit were over.
    paceOf: () => new Pace(new AbortController().signal, 0),
    async callerOf({ callerId }) {
      return { id: callerId, grants: 'all', authorization: new Secret('Bearer t'), bringsToken: true };
    },
    recordEnd: (verb, event) => void (verb === 'delete' && audited.push(event)),
    ...{ requestTimeoutMs, isStopping: () => false, isCrowded: () => false },
    log: createLog({ destination: new PassThrough().resume() }),
    ...more,
  };
  const states = () => kept.store.readStates(job.id, lease.page);
  return {
    ...{ job, sent, audited, kept: files },
    answer(next) {
      pick = next;
    },
    async run() {
      const before = sent.length;
      const end = await runPage(lease, ports);
      return { end, sent: sent.slice(before) };
    },
    async read() {
      const now = await kept.store.read(job.id);
      if (!now) throw new Error('it is kept no more');
      return now;
    },
    async states() {
      const known = await states();
      return Object.fromEntries(ids.map((id, index) => [id, known[index]]));
    },
    counted: async (name) => Number((await states())[name] ?? 0),
  };
}
