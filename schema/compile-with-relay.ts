/**
 * Compiles the documents in `operations/` against `schema.graphql` with Relay's compiler, as the build of a client would.
 * Exits with 1 when one is refused. What it makes of them is thrown away.
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
    // An `id` is upstream's own: Relay has to know a record by this.
    nodeInterfaceIdField: 'nodeId',
    nodeInterfaceIdVariableName: 'nodeId',
    // Off unless asked for: it must be an ID, on types that are no Node too.
    nonNodeIdFields: { allowedIdTypes: {} },
    deferStreamInterface: {
      // Relay streams lists of objects only, and `DeleteStream.chunks` is a list of Base64. With this name, Relay's own
      // @stream is one that no document uses, and ours a directive like any other, held against its definition.
      streamName: 'relayStream',
      // The names that Relay has for the rest anyway: it takes all of them or none.
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

/** Relay reads documents from modules only, where they are tagged. Lines stay the same, so that its complaints point there. */
function moduleOf(text: string): string {
  // It knows no escapes: a backtick, as comments have them, would end the document.
  return `graphql\`${text.replaceAll('`', "'")}\`;\n`;
}

function fill(folder: string): void {
  for (const name of [config.src, config.artifactDirectory]) mkdirSync(join(folder, name));
  copyFileSync(join(import.meta.dirname, 'schema.graphql'), join(folder, config.schema));
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
  for (const { name, text } of documents) writeFileSync(join(folder, config.src, `${name}.ts`), moduleOf(text));
}

function compile(folder: string): boolean {
  const compiler = fileURLToPath(import.meta.resolve('relay-compiler/cli.js'));
  const options = ['--noWatchman', '--output', 'quiet-with-errors', 'relay.config.json'];
  return spawnSync(process.execPath, [compiler, ...options], { cwd: folder, stdio: 'inherit' }).status === 0;
}

/** Relay says nothing of a document that it has not found. */
function checkNonePassedOver(folder: string): void {
  const definitions = documents.flatMap(({ text }) => parse(text).definitions);
  const names = definitions.flatMap((node) => ('name' in node && node.name ? [node.name.value] : []));
  const isMissing = (name: string) => !existsSync(join(folder, config.artifactDirectory, `${name}.graphql.ts`));
  const missing = names.filter(isMissing);
  if (missing.length > 0) throw new Error(`Relay passed over ${missing.join(', ')}.`);
}

const folder = mkdtempSync(join(tmpdir(), 'relay-'));
try {
  fill(folder);
  if (compile(folder)) checkNonePassedOver(folder);
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
