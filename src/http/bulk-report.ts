import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GraphQLError } from 'graphql';
import { hasEnded } from '../bulk/job.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import { IncompleteReport, reportFileName, writeReport } from '../bulk/report.ts';
import { requestError } from '../graphql/core/top-level-errors.ts';
import { countAnswers } from './answers/subscriptions.ts';
import { admit, type ContextOptions } from './requests/admit.ts';

const reportPath = /^\/bulk\/([^/?]+)\/report\.json(?:\?|$)/;

/** How many reports one caller, and all callers, may read at once. Each reads from Redis as fast as its client. */
const maxPerCaller = 4;
const maxReports = 32;

const tooMany = {
  caller: `You are reading ${maxPerCaller} reports, the most for one caller. Read one of them to its end, then try again.`,
  all: 'This server is sending too many reports. Try again later.',
};

/** The codes of errors of a pipeline whose client has disconnected, or that is aborted because the server drains. */
const disconnected = /^(ABORT_ERR|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_UNABLE_TO_PIPE)$/;

/** Finds the bulk delete of a report for its caller. @throws {GraphQLError} with the status of the answer. */
async function findEnded(id: string, authorization: string | undefined, options: ContextOptions) {
  const { bulkDeletes } = options.ports;
  const { caller, deadlineAt } = await admit(authorization ?? null, options);
  if (!caller) throw requestError('UNAUTHENTICATED');
  if (!bulkDeletes) throw requestError('NOT_CONFIGURED');
  const job = await bulkDeletes.find(id, caller, deadlineAt);
  if (!job) throw requestError('NOT_FOUND');
  if (!hasEnded(job)) throw requestError('NOT_ENDED');
  // Its own caller finds it without a look-up: the token may be revoked since.
  const refused = await bulkDeletes.findLostAccess(job, caller, deadlineAt);
  if (refused) throw requestError(refused.kind === 'Unauthenticated' ? 'UNAUTHENTICATED' : 'NOT_FOUND');
  return { job, caller, store: bulkDeletes.store };
}

function refuse(error: unknown, response: ServerResponse, { log }: ContextOptions, requestId: unknown): void {
  const known = error instanceof BulkUnavailable ? requestError('BULK_DELETES_UNAVAILABLE') : error;
  if (!(known instanceof GraphQLError)) log.error({ err: error, requestId }, 'unexpected error');
  const { message, extensions } = known instanceof GraphQLError ? known : requestError('INTERNAL_SERVER_ERROR');
  const { status, headers = {} } = extensions.http as { status: number; headers?: Record<string, string> };
  const body = JSON.stringify({ errors: [{ message, extensions: { code: extensions.code } }] });
  response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(body);
}

/** Answers `GET /bulk/{id}/report.json` as fast as the client reads, until the server drains. False for any other request. */
export function createServeReport(options: ContextOptions) {
  const { log, ports } = options;
  const begin = countAnswers(maxPerCaller, maxReports);

  async function serve(id: string, { headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = headers['x-request-id'];
    const answerError = (error: unknown) => refuse(error, response, options, requestId);
    const found = await findEnded(id, headers.authorization, options).catch(answerError);
    if (!found) return;
    const { job, caller, store } = found;
    const end = begin(caller.id);
    if (typeof end === 'string') return answerError(requestError('OVERLOADED', tooMany[end]));
    const where = { bulkDeleteId: job.id, callerId: caller.id, requestId };
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="${reportFileName(job.id)}"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    // The log has the hash: then a changed report does not match it.
    const report = writeReport(job, store, (sha256) => log.info({ ...where, sha256 }, 'bulk delete report'));
    try {
      await pipeline(Readable.from(report), response, { signal: ports.draining });
    } catch (error) {
      // Cut off, so that no client takes it for complete.
      response.destroy();
      if (error instanceof BulkUnavailable)
        log.warn({ ...where }, 'a bulk delete report was cut off: Redis does not answer');
      else if (error instanceof IncompleteReport)
        log.error({ ...where }, 'a bulk delete report was cut off: its data is incomplete, or has changed meanwhile');
      else if (!disconnected.test((error as NodeJS.ErrnoException).code ?? ''))
        log.error({ err: error, ...where }, 'a bulk delete report was cut off by an unexpected error');
    } finally {
      end();
    }
  }

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const id = request.method === 'GET' ? reportPath.exec(request.url ?? '')?.[1] : undefined;
    if (id === undefined) return false;
    void serve(id, request, response);
    return true;
  };
}
