import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const compose = fileURLToPath(new URL('../node_modules/.bin/mesh-compose', import.meta.url));
const config = fileURLToPath(new URL('../peers/mesh.config.mjs', import.meta.url));

/** Has Mesh compose upstream's OpenAPI to a supergraph in that folder; tells the file. */
export async function composeSupergraph(upstreamUrl: string, folder: string): Promise<string> {
  const supergraph = join(folder, 'supergraph.graphql');
  const env = { ...process.env, UPSTREAM_URL: upstreamUrl };
  await promisify(execFile)(process.execPath, [compose, '-c', config, '-o', supergraph], { env });
  return supergraph;
}
