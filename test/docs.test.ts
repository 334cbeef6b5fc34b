import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildASTSchema, getNamedType, isObjectType, Kind, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { createProgram } from '../src/cli/program.ts';
import { readTrutoEvent } from '../src/engagement/truto-event.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { anchorsOf, type Block, blocks, connectBlocks, documents } from './docs/markdown.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { schema } from './support/schema.ts';
import { startServerProcess } from './support/server-process.ts';
import { shared } from './support/shared.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));
const named = (list: readonly Block[]) => list.map((block, index) => [`${block.file} ${index + 1}`, block] as const);

/** Other tests run all programs of these pages: from-rest.test.ts and library.test.ts. */
const elsewhere = (file: string) => file === 'docs/from-rest.md' || file === 'docs/library.md';
/** Commands that other tests run: docs-connect.test.ts and docs-troubleshooting.test.ts. */
const areRunElsewhere = (block: Block) => connectBlocks.includes(block) || block.file === 'docs/troubleshooting.md';

/** The server as it is started first, with nothing configured. */
const server = await shared(startServerProcess({}));

it('every block of code in the documents is of a kind that is run or checked', () => {
  const known = ['sh', 'json', 'graphql', 'yaml', 'toml', 'js', 'text'];
  expect(blocks.filter(({ file, language }) => !known.includes(language) && !elsewhere(file))).toEqual([]);
  expect(of('text').map(({ file }) => file)).toEqual(['ARCHITECTURE.md']);
  expect(new Set(of('ts').map(({ file }) => file))).toEqual(new Set(['docs/library.md']));
});

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const program = createProgram(() => {});
const isOption = (command: string, option: string) =>
  program.commands.find((one) => one.name() === command)?.options.some(({ long }) => long === option);

function fault(line: string): string | undefined {
  const [, script] = /^npm run ([\w:]+)/.exec(line) ?? [];
  if (script) return script in scripts ? undefined : `there is no script ${script}`;
  const [, command, rest = ''] = /^npx truto-engagements (\S+)(.*)$/.exec(line.replace(/#.*/, '')) ?? [];
  if (command) {
    if (!program.commands.some((one) => one.name() === command)) return `there is no command ${command}`;
    const unknown = (rest.match(/--[\w-]+/g) ?? []).filter((option) => !isOption(command, option));
    return unknown.length > 0 ? `${command} has no ${unknown.join(', ')}` : undefined;
  }
  const isKnown =
    /^(npm (ci|cit|start)\b|TRUTO_BASE_URL=\S+ npm start$|export TRUTO_API_TOKEN=|npm install @modelcontextprotocol\/sdk\b|node fetch\.mjs$)/.test(
      line,
    );
  return isKnown ? undefined : 'unknown command';
}

describe('a block of commands', () => {
  it.each(named(of('sh').filter((block) => !block.text.startsWith('curl') && !areRunElsewhere(block))))(
    'has nothing but commands, scripts and options that there are: %s',
    (_name, { text }) => {
      const lines = text.trim().split('\n');
      expect(lines.map((line) => [line, fault(line)]).filter(([, wrong]) => wrong)).toEqual([]);
    },
  );

  it.each(named(of('sh').filter((block) => block.text.startsWith('curl') && !areRunElsewhere(block))))(
    'that calls the server is answered as the next block says: %s',
    async (_name, block) => {
      const next = blocks[blocks.indexOf(block) + 1];
      expect(next?.language).toBe('json');
      const command = block.text.replace('http://127.0.0.1:4000/graphql', server.endpoint);
      const { stdout } = await promisify(execFile)('bash', ['-c', command]);
      expect(JSON.parse(stdout)).toEqual(JSON.parse(next?.text ?? ''));
    },
  );
});

it('a block of JSON answers a command, has variables, is an event, or names a trusted document by an id that the manifest has', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'schema/trusted-documents.json'), 'utf8'));
  const previous = (block: Block) => blocks[blocks.indexOf(block) - 1];
  const alone = of('json').filter(
    (block) => !previous(block)?.text.startsWith('curl') && previous(block)?.language !== 'graphql',
  );
  const isServers = ({ text }: (typeof alone)[number]) => JSON.parse(text).mcpServers !== undefined;
  const [named, event, ...rest] = alone.filter((block) => !isServers(block));
  expect(rest).toEqual([]);
  expect(manifest).toHaveProperty(JSON.parse(named?.text ?? '').documentId);
  expect(readTrutoEvent(event?.text ?? '')?.content).toMatchObject({
    records: [[{ kind: null }, { id: '23423523', kind: 'call' }]],
  });
  for (const { text } of alone.filter(isServers)) {
    const { args } = JSON.parse(text).mcpServers.engagements;
    expect(fault(['npx', ...args].join(' '))).toBeUndefined();
  }
});

describe('a block of GraphQL', () => {
  const isDocument = ({ text }: Block) =>
    parse(text).definitions.every(({ kind }) => kind === Kind.OPERATION_DEFINITION);

  it.each(named(of('graphql').filter(isDocument)))('is valid: %s', (_name, { text }) => {
    expect(validate(schema, parse(text))).toEqual([]);
  });

  /** Each deletes another engagement. */
  const deleted: string[] = [];
  /** Of the last dry run: the next block confirms it. */
  let token: string | undefined;

  it.each(named(of('graphql').filter((block) => isDocument(block) && !/bulkDelete/i.test(block.text))))(
    'is answered without an error by the server as it is started first: %s',
    async (name, block) => {
      const { text } = block;
      const account = sandboxAccount('Capsule');
      const next = blocks[blocks.indexOf(block) + 1];
      const given = next?.language === 'json' && next.file === block.file ? JSON.parse(next.text) : {};
      const variables = { account: account.id, id: seedEngagements(account)[deleted.push(name)]?.id, token, ...given };
      const response = await fetchGraphQL(server.endpoint, text, { variables });
      const { data, errors } = await response.json();
      expect(errors).toBeUndefined();
      token = data.deleteEngagement?.confirmationToken;
      expect(token ?? JSON.stringify(data)).toMatch(
        /^delete_|(Delete|Create)EngagementSuccess|"nodes":\[\{|"integrations":\[\{/,
      );
    },
  );

  it('extends a type of the subgraph by its own key', () => {
    const federation = buildASTSchema(parse(readFileSync(join(root, 'schema/federation.graphql'), 'utf8')), {
      assumeValidSDL: true,
    });
    const extensions = of('graphql').filter((block) => !isDocument(block));
    expect(extensions).toHaveLength(1);
    for (const definition of parse(extensions[0]?.text ?? '').definitions) {
      if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) throw new Error(`a ${definition.kind}`);
      const type = federation.getType(definition.name.value);
      if (!isObjectType(type)) throw new Error(`the subgraph has no ${definition.name.value}`);
      const keyOf = (directives = definition.directives) =>
        directives?.map((directive) =>
          JSON.stringify(directive.arguments?.map(({ value }) => 'value' in value && value.value)),
        );
      const keys = keyOf(type.astNode?.directives?.filter(({ name }) => name.value === 'key'));
      expect(keys).toEqual(expect.arrayContaining(keyOf() ?? []));
      for (const field of ['id', 'integratedAccountId'])
        expect(String(getNamedType(type.getFields()[field]?.type))).toBe('ID');
    }
  });
});

describe('a block of configuration for a gateway', () => {
  it('forwards, for Hive Gateway, what the gateway that is tested forwards', async () => {
    const configOf = async (text: string) => {
      const module = text.replace(/^import .*$/m, 'const defineConfig = (config) => config;');
      return (await import(`data:text/javascript,${encodeURIComponent(module)}`)).gatewayConfig;
    };
    const tested = await configOf(readFileSync(join(root, 'examples/supergraph/gateway.config.mjs'), 'utf8'));
    // How other servers mount this one is checked with them (test/hosts).
    const [shown, ...more] = of('js').filter(({ file }) => file !== 'docs/library.md');
    expect(more).toEqual([]);
    expect((await configOf(shown?.text ?? '')).transportEntries).toEqual(tested.transportEntries);
  });

  it('forwards, for Grafbase, what the gateway that is tested forwards', () => {
    const forwarded = (text = '') => text.match(/^\[\[.*\n(.+\n)+/gm);
    const tested = forwarded(readFileSync(join(root, 'examples/supergraph/grafbase.toml'), 'utf8'));
    expect(tested).toHaveLength(2);
    expect(of('toml').map(({ text }) => forwarded(text))).toEqual([tested]);
  });

  it('is YAML that names the subgraph and forwards both headers', () => {
    const texts = of('yaml').map(({ text }) => JSON.stringify(parseYaml(text)));
    expect(texts).toHaveLength(4);
    for (const text of texts) expect(text).toContain('engagements');
    const forwarding = texts.filter((text) => text.includes('propagate'));
    expect(forwarding).toHaveLength(2);
    for (const text of forwarding)
      expect(text.toLowerCase()).toMatch(/"named":"authorization".*"named":"idempotency-key"/);
  });
});

const links = [...documents].flatMap(([file, text]) =>
  [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\((?!https?:)([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
    ([, link, image]) => [file, link ?? image ?? ''] as const,
  ),
);

it.each(links)('a link in the documents of %s leads somewhere: %s', (file, link) => {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : join(dirname(file), path);
  expect(existsSync(join(root, target))).toBe(true);
  if (anchor !== undefined) expect(anchorsOf(documents.get(target) ?? '')).toContain(anchor);
});
