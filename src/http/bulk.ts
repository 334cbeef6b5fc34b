import { BulkDeletes } from '../bulk/bulk-deletes.ts';
import { type BulkJob, finalOutcome } from '../bulk/job.ts';
import { JobStore } from '../bulk/job-store.ts';
import { openUndoStore } from '../bulk/undo-store.ts';
import { startBulkWorker } from '../bulk/worker.ts';
import type { Config, SharedConfig } from '../config/config.ts';
import type { Caller, FindAccountIntegration } from '../engagement/account.ts';
import { type Confirmations, createSeal } from '../engagement/delete/confirmation.ts';
import type { KnownDeletes } from '../engagement/known-deletes.ts';
import type { Log } from '../log/log.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import type { Send } from '../upstream/attempt.ts';
import { ownAuthorization } from './callers/authenticate.ts';
import type { Metrics } from './metrics.ts';
import { noteDelete } from './requests/admit.ts';

/** The parts of the server that bulk deletes use. */
export interface BulkOptions {
  readonly config: Pick<Config, 'auth' | 'proxy' | 'requestTimeoutMs' | 'upstream' | 'webhookSecrets'>;
  readonly shared: SharedConfig;
  readonly memory: SharedMemory;
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly confirmations: Confirmations;
  readonly knownDeletes: KnownDeletes;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countWrite' | 'countBulkOutcome' | 'noteUnfinished'>;
}

/** For requests without a waiting caller: those of callers go first, and these fail at a limit instead of waiting. */
function inBackground(send: Send): Send {
  const sendLater: Send = (request, options) => send(request, { ...options, isBackground: true });
  return Object.assign(sendLater, { behind: send });
}

/** Starts to work on bulk deletes: unfinished ones in Redis continue, until the worker is closed. */
export function startBulk({ config, shared, memory, log, metrics, ...ports }: BulkOptions) {
  const { findAccountIntegration, confirmations, knownDeletes } = ports;
  const { auth, proxy, requestTimeoutMs } = config;
  const own = ownAuthorization(auth);
  const seal = shared.tokenSecret && createSeal(shared.tokenSecret);
  const upstream = config.upstream === 'sandbox' ? 'sandbox' : config.upstream.href;
  const { undoStore } = shared;
  const abilities = { upstream, credential: own ? 'own' : seal?.name, keepsUndoFiles: undoStore !== undefined };
  const store = new JobStore(memory, abilities, requestTimeoutMs);

  /** The caller who started the bulk delete, with access to its account only; undefined when this server cannot run it. */
  async function callerOf(job: BulkJob): Promise<Caller | undefined> {
    if (job.needs !== store.needsOf(job.input)) return undefined;
    const authorization = own ?? (await seal?.open(job.sealedToken, job.id));
    if (!authorization) return undefined;
    const grants = new Set([job.input.integratedAccountId]);
    return { id: job.callerId, grants, authorization, bringsToken: own === undefined };
  }

  const worker = startBulkWorker({
    ...{ store, callerOf, log, requestTimeoutMs, findAccountIntegration },
    deletedEvents: config.webhookSecrets && knownDeletes,
    noteUnfinished: metrics.noteUnfinished,
    send: inBackground(ports.send),
    undoStore: undoStore && openUndoStore(undoStore, proxy),
    recordEnd(verb, event) {
      log.info(event, verb);
      metrics.countWrite(verb, event);
      if (verb === 'create') return;
      noteDelete(knownDeletes, event);
      const isSuccess = event.result === 'DeleteEngagementSuccess';
      metrics.countBulkOutcome(finalOutcome(isSuccess ? (event.detail ?? '') : event.result));
    },
  });
  const parts = { store, worker, seal, findAccountIntegration, confirmations };
  return { bulkDeletes: new BulkDeletes(parts), close: () => worker.close() };
}
