/**
 * Says in a line what became of a delete, and makes the program's exit code of it. This is the whole of what a caller has
 * to tell apart: it is gone, it may be gone, or it is there and somebody has to do something first.
 * @returns true when it is gone: time to forget it in every list.
 */
export function report(client, result) {
  const { isGone = false, line } = read(result);
  console.log(`${client}: ${line}`);
  process.exitCode = isGone ? 0 : 1;
  return isGone;
}

function read(result) {
  switch (result?.__typename) {
    case 'DeleteEngagementSuccess':
      // ACCEPTED is gone soon; ALREADY_ABSENT was gone when a second attempt came.
      return { isGone: true, line: `deleted ${result.deletedEngagementId}, ${result.outcome}` };
    case 'OutcomeUnknownError':
      return { line: `perhaps deleted, ${result.retrySafe ? 'send it again' : 'read it first'}. ${result.message}` };
    case 'RateLimitedError':
      return { line: `not deleted, wait ${result.retryAfterMs ?? 'some'} ms. ${result.message}` };
    case 'UpstreamUnavailableError':
      return { line: `not deleted, try later. ${result.message}` };
    case 'NotFoundError':
      return { line: `nothing to delete. ${result.message}` };
    case undefined:
      // Null comes with an error of its own, which the client has thrown or handed over.
      return { line: 'no result' };
    default:
      // All others, also those that a later version may add, are an Error: not deleted, and the message says why.
      return { line: `not deleted, ${result.__typename}. ${result.message}` };
  }
}

/**
 * Says which records of the list have the engagement's id: ids are unique within a type only, and sometimes not even there.
 * @param nodes the engagements of a cached list, each with its owner, contacts and account.
 */
export function reportNamesakes(client, nodes, id) {
  const records = nodes.flatMap(({ owner, contacts, account }) => [owner, ...(contacts ?? []), account]);
  const found = records.filter((record) => record?.id === id).map((record) => `${record.__typename} ${record.name}`);
  if (found.length > 0)
    console.log(`${client}: still there with the same id: ${[...new Set(found)].sort().join(', ')}`);
}

/** Says why the request got no result: no server, no valid token, or a refused document. */
export function fail(client, error) {
  console.log(`${client}: failed. ${error.message}`);
  process.exitCode = 1;
}
