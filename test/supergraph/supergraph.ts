import { execFile, spawnSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sandboxToken } from '../../src/sandbox/accounts.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { startRedis } from '../support/redis-server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { configureGrafbase, grafbaseProgram, type Subgraph } from './gateways.ts';
import { type LossyLink, startLossyLink } from './lossy-link.ts';
import { post } from './post.ts';
import { folder as examples, startProgram } from './processes.ts';

/** What a composition library made of subgraphs. */
export interface Composition {
  readonly errors: readonly string[];
  readonly sdl?: string;
}

/** What each of them made of the same ones. */
export type Compositions = Readonly<Record<'apollo' | 'guild' | 'wundergraph' | 'grafbase', Composition>>;

/** Composes subgraphs by every library there is. */
export async function compose(subgraphs: readonly Subgraph[]): Promise<Compositions> {
  const composing = promisify(execFile)(process.execPath, ['compose.mjs'], { cwd: examples, maxBuffer: 2 ** 24 });
  composing.child.stdin?.end(JSON.stringify(subgraphs));
  const grafbase = await composeByGrafbase(subgraphs);
  return { ...JSON.parse((await composing).stdout), grafbase };
}

async function composeByGrafbase(subgraphs: readonly Subgraph[]): Promise<Composition> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'grafbase-'));
  const config = await configureGrafbase(folder.path, subgraphs);
  const { status, stdout, error } = spawnSync(grafbaseProgram, ['compose', '--config', config], { encoding: 'utf8' });
  if (error) throw error;
  // It prints its errors where it otherwise prints the supergraph.
  return status === 0 ? { errors: [], sdl: stdout } : { errors: [stdout] };
}

/** The facade as a part of a supergraph, a process of its own. */
export interface OurSubgraph extends Subgraph {
  readonly server: ServerProcess;
  readonly link: LossyLink;
}

/** Another team's part of it. */
export interface ForeignSubgraph extends Subgraph {
  /** True once a gateway gave it the caller's credential, which is for the facade only. */
  wasGivenCredential(): boolean;
}

/** Two teams' subgraphs that were there before, the facade in each dialect, and the sandbox that it deletes from. */
export interface Surroundings extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly foreign: readonly ForeignSubgraph[];
  readonly ours: Readonly<Record<'federation' | 'stitching', OurSubgraph>>;
  /** What each library made of the other teams' subgraphs, alone and with the facade's. */
  readonly compositions: { readonly before: Compositions; readonly after: Compositions };
}

/** What a client sends with every request. */
export const callerHeaders = { authorization: `Bearer ${sandboxToken}` };

async function startForeign(stack: AsyncDisposableStack, name: string): Promise<ForeignSubgraph> {
  const { url, output } = stack.use(await startProgram([`${name}.mjs`], {}));
  const { body } = await post(url, '{ _service { sdl } }');
  const wasGivenCredential = () => output().includes('a credential that is not for it');
  return { name, url, sdl: body.data._service.sdl, wasGivenCredential };
}

async function startOurs(
  stack: AsyncDisposableStack,
  env: Record<string, string>,
  dialect: 'federation' | 'stitching',
): Promise<OurSubgraph> {
  const server = stack.use(await startServerProcess({ ...env, SUBGRAPH: dialect, TRUTO_RATE_LIMITS: '0' }));
  const link = stack.use(await startLossyLink(server.endpoint));
  // Over the wire, as a gateway's operator would get it.
  const { body } = await post(link.url, dialect === 'federation' ? '{ _service { sdl } }' : '{ _sdl }');
  return { name: 'engagements', url: link.url, sdl: body.data._sdl ?? body.data._service.sdl, server, link };
}

/** Starts everything that a gateway stands in front of. */
export async function startSurroundings(): Promise<Surroundings> {
  const stack = new AsyncDisposableStack();
  const sandbox = await startSandbox();
  stack.defer(() => sandbox.close());
  const redis = stack.use(await startRedis({ isDurable: false }));
  const env = { TRUTO_BASE_URL: sandbox.url, REDIS_URL: redis.url, BULK_TOKEN_SECRET: 'x'.repeat(32) };
  const [sales, billing, federation, stitching] = await Promise.all([
    startForeign(stack, 'sales'),
    startForeign(stack, 'billing'),
    startOurs(stack, env, 'federation'),
    startOurs(stack, env, 'stitching'),
  ]);
  const foreign = [sales, billing];
  const [before, after] = await Promise.all([compose(foreign), compose([...foreign, federation])]);
  return {
    sandbox,
    foreign,
    ours: { federation, stitching },
    compositions: { before, after },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
