import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /** Starts it in a folder of its own, which holds `supergraph.graphql` and `subgraphs.json`. */
  start(folder: string, subgraphs: readonly Subgraph[]): Promise<RunningProcess>;
}

function apolloGateway(folder: string): Promise<RunningProcess> {
  return startProgram(['apollo-gateway.mjs'], { SUPERGRAPH: join(folder, 'supergraph.graphql') });
}

function stitchGateway(folder: string): Promise<RunningProcess> {
  return startProgram(['stitching-gateway.mjs'], { SUBGRAPHS: join(folder, 'subgraphs.json') });
}

const rustPlanner = '@graphql-hive/router-runtime';
const hiveProgram = 'node_modules/@graphql-hive/gateway/dist/bin.js';

async function hiveGateway(folder: string, planner: 'js' | 'rust'): Promise<RunningProcess> {
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

/** Writes the example's settings and the subgraphs into a folder, and returns the file that Grafbase takes as `--config`. */
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

async function grafbase(folder: string, subgraphs: readonly Subgraph[]): Promise<RunningProcess> {
  const config = await configureGrafbase(folder, subgraphs);
  const address = `127.0.0.1:${await freePort()}`;
  const args = ['dev', '--config', config, '--listen-address', address];
  // It writes its explorer into the home folder.
  const options = { program: grafbaseProgram, listening: /GraphQL.*: (\S+)/ };
  return startProgram(args, { HOME: folder }, options);
}

const federation = 'federation' as const;

/** Every gateway that the registry has. */
export const gateways: readonly Gateway[] = [
  { name: 'Apollo Gateway', dialect: federation, repeats: false, subscribes: false, start: apolloGateway },
  {
    ...{ name: 'Hive Gateway, planning in JavaScript', dialect: federation, repeats: true, subscribes: true },
    start: (folder) => hiveGateway(folder, 'js'),
  },
  {
    ...{ name: 'Hive Gateway, planning in Rust', dialect: federation, repeats: true, subscribes: true },
    start: (folder) => hiveGateway(folder, 'rust'),
  },
  { name: 'Grafbase', dialect: federation, repeats: true, subscribes: true, start: grafbase },
  { name: 'stitchSchemas', dialect: 'stitching', repeats: false, subscribes: false, start: stitchGateway },
];

/** Serves subgraphs by a gateway. */
export async function serve(
  gateway: Gateway,
  subgraphs: readonly Subgraph[],
  supergraphSdl: string,
): Promise<RunningProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'supergraph-'));
  await writeFile(join(folder, 'subgraphs.json'), JSON.stringify(subgraphs));
  await writeFile(join(folder, 'supergraph.graphql'), supergraphSdl);
  const running = await gateway.start(folder, subgraphs);
  return {
    ...running,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
