import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composeSupergraph } from './compose-supergraph.ts';
import { whyTailcallCannotRun } from './tailcall.ts';
import type { Command, Surroundings, Target } from './target.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const root = path('../../..');
const peers = path('../peers');
const binaries = path('../node_modules/.bin');

const inProduction = { NODE_ENV: 'production' };

/** A program for this very Node. */
function node(file: string, cwd: string, env: Readonly<Record<string, string>>): Command {
  return { file: process.execPath, args: [file], cwd, env: { ...inProduction, ...env } };
}

/** The settings under which the facade is measured: as in production, but without rate limits. */
export function facadeEnvironment({ upstreamUrl, port }: Surroundings): Readonly<Record<string, string>> {
  const settings = { TRUTO_BASE_URL: upstreamUrl, AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0', METRICS_PORT: '0' };
  return { ...inProduction, ...settings, PORT: String(port) };
}

const rawProxy: Target = {
  name: 'raw',
  title: 'raw POST proxy',
  dialect: 'designed',
  packages: ['undici'],
  isPeer: false,
  path: '/',
  prepare: async ({ upstreamUrl, port }) =>
    node(path('raw-proxy.ts'), root, { UPSTREAM_URL: upstreamUrl, PORT: String(port) }),
};

const bareRoad: Target = {
  ...rawProxy,
  name: 'bare',
  title: 'bare road',
  prepare: async ({ upstreamUrl, port }) =>
    node(path('bare-road.ts'), root, { UPSTREAM_URL: upstreamUrl, PORT: String(port) }),
};

const facade: Target = {
  name: 'facade',
  title: 'this facade',
  dialect: 'designed',
  packages: ['graphql', 'graphql-yoga', 'undici'],
  isPeer: false,
  path: '/graphql',
  prepare: async (surroundings) => node('src/main.ts', root, facadeEnvironment(surroundings)),
};

/**
 * The same, with every request through Yoga: only requests to the plain address take the shorter path of prepared
 * operations.
 */
const facadeThroughYoga: Target = {
  ...facade,
  name: 'facade-yoga',
  title: 'this facade, through Yoga',
  path: '/graphql?through=yoga',
};

/** The same, as a part of a supergraph. */
const subgraph: Target = {
  ...facade,
  name: 'facade-subgraph',
  title: 'this facade, as a subgraph',
  prepare: async (surroundings) => {
    return node('src/main.ts', root, { ...facadeEnvironment(surroundings), SUBGRAPH: 'federation' });
  },
};

function peer(name: string, title: string, packages: readonly string[], file = `${name}.mjs`): Target {
  return {
    ...{ name, title, packages, dialect: 'designed', isPeer: true, path: '/graphql' },
    prepare: async ({ upstreamUrl, port }) =>
      node(join(peers, file), peers, { UPSTREAM_URL: upstreamUrl, PORT: String(port) }),
  };
}

const hiveGateway: Target = {
  ...peer('hive-gateway', 'Hive Gateway over Mesh OpenAPI', ['@graphql-hive/gateway', '@omnigraph/openapi']),
  dialect: 'derived',
  async prepare({ upstreamUrl, port, folder }) {
    const supergraph = await composeSupergraph(upstreamUrl, folder);
    const options = ['--host', '127.0.0.1', '--port', String(port)];
    const { file, args, env } = node(join(binaries, 'hive-gateway'), folder, {});
    return {
      file,
      args: [...args, 'supergraph', supergraph, '--jit', '-c', join(peers, 'gateway.config.mjs'), ...options],
      cwd: folder,
      env,
    };
  },
};

const tailcall: Target = {
  ...peer('tailcall', 'tailcall (Rust)', ['@tailcallhq/core-linux-x64-gnu']),
  dialect: 'derived',
  whyNot: () => whyTailcallCannotRun(join(binaries, 'tailcall')),
  async prepare({ upstreamUrl, port, folder }) {
    const template = await readFile(join(peers, 'tailcall.graphql'), 'utf8');
    const config = join(folder, 'tailcall.graphql');
    const filled = template.replaceAll('http://127.0.0.1:4010', upstreamUrl).replace('port: 4000', `port: ${port}`);
    await writeFile(config, filled);
    return { file: join(binaries, 'tailcall'), args: ['start', config], cwd: folder, env: inProduction };
  },
};

/** What is compared, each with all others; the first is the base. */
export const comparedTargets: readonly Target[] = [
  rawProxy,
  bareRoad,
  facade,
  facadeThroughYoga,
  tailcall,
  peer('mercurius', 'Mercurius with JIT, undici Pool', ['mercurius', 'graphql-jit', 'fastify']),
  peer('yoga', 'Yoga, undici Pool', ['graphql-yoga']),
  peer('apollo-standalone', 'Apollo Server standalone, RESTDataSource', ['@apollo/server', '@apollo/datasource-rest']),
  peer('apollo-express', 'Apollo Server in Express, RESTDataSource', ['@as-integrations/express5', 'express']),
  peer('graphql-http', 'graphql-http, undici Pool', ['graphql-http']),
  hiveGateway,
];

/** Everything that can be measured. */
export const targets: readonly Target[] = [...comparedTargets, subgraph];
