import { Pool } from 'undici';
import { type Quartiles, quartilesOf } from '../statistics.ts';
import { idOf } from './ids.ts';
import { startServer, startUpstream } from './processes.ts';

const delayMs = 20;
const listLength = 100;
const warmUps = 50;
const rounds = 100;

/** How many times as long as a round trip upstream some way of deleting a list of 100 takes. */
export interface ListFigures {
  /** By `deleteEngagements`. */
  readonly server: Quartiles;
  /** By undici alone, all at once: what no server can be faster than. */
  readonly undici: Quartiles;
}

const query = `mutation ($items: [DeleteEngagementItem!]!) { deleteEngagements(items: $items, integratedAccountId: "a") {
  results { __typename ... on DeleteEngagementSuccess { deletedEngagementId } } } }`;

async function lasted(run: () => Promise<unknown>): Promise<number> {
  const begunAtMs = performance.now();
  await run();
  return performance.now() - begunAtMs;
}

/** Deletes lists of 100 through a server and without one, in turn. */
export async function measureLists(): Promise<ListFigures> {
  await using upstream = await startUpstream({ COUNT: '0', DELAY_MS: String(delayMs) });
  await using server = await startServer(upstream.url);
  const pool = new Pool(upstream.url, { connections: listLength });
  let next = 0;
  const newId = () => {
    next += 1;
    return idOf(next);
  };
  async function deleteByServer() {
    const items = Array.from({ length: listLength }, () => ({ id: newId() }));
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer token' },
      body: JSON.stringify({ query, variables: { items } }),
    });
    const { results } = (await response.json()).data.deleteEngagements;
    const deleted = results.filter((result: { deletedEngagementId?: string }) => result.deletedEngagementId).length;
    if (deleted !== listLength) throw new Error(`${deleted} of ${listLength} were deleted`);
  }
  async function deleteByUndici() {
    const path = () => `/unified/crm/engagements/${newId()}?integrated_account_id=a`;
    const answers = Array.from({ length: listLength }, () => pool.request({ method: 'DELETE', path: path() }));
    await Promise.all(answers.map(async (answer) => (await answer).body.text()));
  }
  const ratios = { server: [] as number[], undici: [] as number[] };
  for (let round = -warmUps; round < rounds; round += 1) {
    const [server, undici] = [await lasted(deleteByServer), await lasted(deleteByUndici)];
    if (round < 0) continue;
    ratios.server.push(server / delayMs);
    ratios.undici.push(undici / delayMs);
  }
  await pool.close();
  return { server: quartilesOf(ratios.server), undici: quartilesOf(ratios.undici) };
}
