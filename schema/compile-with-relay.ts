/**
 * Compiles the documents in `operations/` against `schema.graphql` with Relay's compiler, like the build of a client. Exits with 1 when one
 * is refused. The output is deleted.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'graphql';

const config = {
  src: 'documents',
  schema: 'schema.graphql',
  artifactDirectory: 'artifacts',
  language: 'typescript',
  schemaConfig: {
    // `id` is unique only within its type and account. `nodeId` is unique for all records.
    nodeInterfaceIdField: 'nodeId',
    nodeInterfaceIdVariableName: 'nodeId',
    // Off by default: checks that it is an ID, also on types that are no Node.
    nonNodeIdFields: { allowedIdTypes: {} },
    deferStreamInterface: {
      // Relay streams only lists of objects, and `DeleteStream.chunks` is a list of Base64. With this name, no document uses Relay's own
      // @stream, and Relay checks ours against its definition.
      streamName: 'relayStream',
      // Relay's defaults: it requires all of these names or none.
      deferName: 'defer',
      ifArg: 'if',
      labelArg: 'label',
      initialCountArg: 'initialCount',
      useCustomizedBatchArg: 'useCustomizedBatch',
    },
  },
};

const operations = join(import.meta.dirname, 'operations');
const documents = readdirSync(operations)
  .filter((file) => file.endsWith('.graphql'))
  .map((file) => ({ name: basename(file, '.graphql'), text: readFileSync(join(operations, file), 'utf8') }));

/** Relay reads documents only from tags in modules. The lines stay the same, so its errors have the right line. */
function writeModule(text: string): string {
  // Relay knows no escapes: a backtick in a comment would end the document.
  return `graphql\`${text.replaceAll('`', "'")}\`;\n`;
}

function fill(folder: string): void {
  for (const name of [config.src, config.artifactDirectory]) mkdirSync(join(folder, name));
  copyFileSync(join(import.meta.dirname, 'schema.graphql'), join(folder, config.schema));
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
  for (const { name, text } of documents) writeFileSync(join(folder, config.src, `${name}.ts`), writeModule(text));
}

function compile(folder: string): boolean {
  const compiler = fileURLToPath(import.meta.resolve('relay-compiler/cli.js'));
  const options = ['--noWatchman', '--output', 'quiet-with-errors', 'relay.config.json'];
  return spawnSync(process.execPath, [compiler, ...options], { cwd: folder, stdio: 'inherit' }).status === 0;
}

/** Relay does not report a document that it did not find. */
function checkNoneMissed(folder: string): void {
  const definitions = documents.flatMap(({ text }) => parse(text).definitions);
  const names = definitions.flatMap((node) => ('name' in node && node.name ? [node.name.value] : []));
  const isMissing = (name: string) => !existsSync(join(folder, config.artifactDirectory, `${name}.graphql.ts`));
  const missing = names.filter(isMissing);
  if (missing.length > 0) throw new Error(`Relay did not compile ${missing.join(', ')}.`);
}

const folder = mkdtempSync(join(tmpdir(), 'relay-'));
try {
  fill(folder);
  if (compile(folder)) checkNoneMissed(folder);
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
