import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { folder as examples, type RunningProcess, startProgram } from './processes.ts';

/** A part of a supergraph. */
export interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** A gateway to serve a supergraph by. */
export interface Gateway {
  readonly name: string;
  /** Which of the facade's dialects it reads. */
  readonly dialect: 'federation' | 'stitching';
  /** True when it repeats what a subgraph answered with a 503 by itself. */
  readonly repeats: boolean;
  /** True when its clients can subscribe over HTTP. The others refuse it. */
  readonly subscribes: boolean;
  /** Starts it. `folder` is its own, and holds `supergraph.graphql` and `subgraphs.json`. */
  start(folder: string, subgraphs: readonly Subgraph[]): Promise<RunningProcess>;
}

const rustPlanner = '@graphql-hive/router-runtime';
const hiveProgram = 'node_modules/@graphql-hive/gateway/dist/bin.js';

async function startHive(folder: string, planner: 'js' | 'rust'): Promise<RunningProcess> {
  const port = await freePort();
  const where = ['--host', '127.0.0.1', '--port', String(port), '--config-path', 'gateway.config.mjs'];
  const flags = planner === 'rust' ? ['--hive-router-runtime'] : [];
  const args = [hiveProgram, 'supergraph', join(folder, 'supergraph.graphql'), ...where, ...flags];
  const running = await startProgram(args, { DEBUG: '1' }, { listening: /[Ll]istening on (\S+)/ });
  // It falls back to the other planner, with a warning, where it does not find the one that was asked for.
  if (
    (planner === 'rust') !== running.output().includes(`${rustPlanner} package`) ||
    running.output().includes('Falling back')
  )
    throw new Error(`It does not plan in ${planner}:\n${running.output()}`);
  return { ...running, url: `http://127.0.0.1:${port}/graphql` };
}

/** The only package of the current version is for Linux on x64. */
export const grafbaseProgram = join(examples, 'node_modules/@grafbase/cli-x86_64-unknown-linux-musl/grafbase');

/** Writes the example's settings and the subgraphs into a folder. Returns the file, as Grafbase takes it by `--config`. */
export async function configureGrafbase(folder: string, subgraphs: readonly Subgraph[]): Promise<string> {
  let toml = await readFile(join(examples, 'grafbase.toml'), 'utf8');
  for (const { name, url, sdl } of subgraphs) {
    const schemaPath = join(folder, `${name}.graphql`);
    await writeFile(schemaPath, sdl);
    toml += `\n[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${schemaPath}"\n`;
  }
  const config = join(folder, 'grafbase.toml');
  await writeFile(config, toml);
  return config;
}

async function startGrafbase(folder: string, subgraphs: readonly Subgraph[]): Promise<RunningProcess> {
  const address = `127.0.0.1:${await freePort()}`;
  const args = ['dev', '--config', await configureGrafbase(folder, subgraphs), '--listen-address', address];
  // It writes its explorer into the home folder.
  return startProgram(args, { HOME: folder }, { program: grafbaseProgram, listening: /GraphQL.*: (\S+)/ });
}

/** Every gateway that the registry has. */
export const gateways: readonly Gateway[] = [
  {
    ...{ name: 'Apollo Gateway', dialect: 'federation', repeats: false, subscribes: false },
    start: (folder) => startProgram(['apollo-gateway.mjs'], { SUPERGRAPH: join(folder, 'supergraph.graphql') }),
  },
  {
    ...{ name: 'Hive Gateway, planning in JavaScript', dialect: 'federation', repeats: true, subscribes: true },
    start: (folder) => startHive(folder, 'js'),
  },
  {
    ...{ name: 'Hive Gateway, planning in Rust', dialect: 'federation', repeats: true, subscribes: true },
    start: (folder) => startHive(folder, 'rust'),
  },
  {
    ...{ name: 'Grafbase', dialect: 'federation', repeats: true, subscribes: true },
    start: startGrafbase,
  },
  {
    ...{ name: 'stitchSchemas', dialect: 'stitching', repeats: false, subscribes: false },
    start: (folder) => startProgram(['stitching-gateway.mjs'], { SUBGRAPHS: join(folder, 'subgraphs.json') }),
  },
];

/** Serves subgraphs by a gateway. */
export async function serve(
  gateway: Gateway,
  subgraphs: readonly Subgraph[],
  supergraphSdl: string,
): Promise<RunningProcess> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await mkdtempDisposable(join(tmpdir(), 'supergraph-')));
  await writeFile(join(path, 'subgraphs.json'), JSON.stringify(subgraphs));
  await writeFile(join(path, 'supergraph.graphql'), supergraphSdl);
  const running = stack.use(await gateway.start(path, subgraphs));
  return { ...running, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
