/**
 * Prints the result of a delete in one line, and sets the exit code. A caller distinguishes three cases: the engagement is gone, it may
 * be gone, or it still exists and something must be fixed first.
 * @returns true if it is gone. Then remove it from every list.
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
      // ACCEPTED: it will be gone soon. ALREADY_ABSENT: a further attempt found it gone.
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
      // Null comes with a separate error, which the client has thrown or returned.
      return { line: 'no result' };
    default:
      // All others, also those of later versions, are an Error: nothing was deleted, and the message says why.
      return { line: `not deleted, ${result.__typename}. ${result.message}` };
  }
}

/**
 * Prints the records of the list with the engagement's id: ids are unique only within a type, and sometimes not even there.
 * @param nodes the engagements of a cached list, each with its owner, contacts and account.
 */
export function reportNamesakes(client, nodes, id) {
  const records = nodes.flatMap(({ owner, contacts, account }) => [owner, ...(contacts ?? []), account]);
  const found = records.filter((record) => record?.id === id).map((record) => `${record.__typename} ${record.name}`);
  if (found.length > 0)
    console.log(`${client}: still there with the same id: ${[...new Set(found)].sort().join(', ')}`);
}

/** Prints why the request got no result: no server, no valid token, or a refused document. */
export function fail(client, error) {
  console.log(`${client}: failed. ${error.message}`);
  process.exitCode = 1;
}
