import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findSecrets } from './canary.ts';

/** The variable with the folder in which all processes of a run, workers and servers, keep what they capture. */
export const folderVariable = 'CAPTURED_FOLDER';

const secretsSuffix = '.secrets.jsonl';

/** Each process has its own files, so that lines of two processes do not mix. Outside of a run, nothing is kept. */
function append(suffix: string, text: string): void {
  const folder = process.env[folderVariable];
  if (folder !== undefined) appendFileSync(`${folder}/${process.pid}${suffix}`, text);
}

/** Stores what a server answered, logged or printed, for the search at the end of the run. */
export function keepCaptured(text: string): void {
  append('.txt', `${text}\n`);
}

/** Stores a secret that no output of any server may contain, for the search at the end of the run. */
export function keepSecrets(secrets: Iterable<string>): void {
  append(secretsSuffix, [...secrets].map((secret) => `${JSON.stringify(secret)}\n`).join(''));
}

/** The secrets in a file, one per line. */
function parseSecrets(text: string): readonly string[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as string);
}

/** What the process of that number has kept so far. */
export function capturedBy(pid: number): { readonly text: string; readonly secrets: readonly string[] } {
  const file = (suffix: string) => `${process.env[folderVariable]}/${pid}${suffix}`;
  const read = (suffix: string) => (existsSync(file(suffix)) ? readFileSync(file(suffix), 'utf8') : '');
  return { text: read('.txt'), secrets: parseSecrets(read(secretsSuffix)) };
}

/** What was captured by all processes of one run. */
export interface CapturedRun {
  /** Finds any of its secrets in its captured output, with the form. */
  search(): readonly string[];
  /** Removes the captured output. */
  clear(): void;
}

/** Begins a run with an empty folder, which every process that is started from now on knows. */
export function startCapturedRun(): CapturedRun {
  const parent = fileURLToPath(new URL('../../reports/captured', import.meta.url));
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(`${parent}/run-`);
  process.env[folderVariable] = folder;
  const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8');
  return {
    search() {
      const files = readdirSync(folder);
      const secrets = files.filter((file) => file.endsWith(secretsSuffix)).flatMap((file) => parseSecrets(read(file)));
      const texts = files.filter((file) => !file.endsWith(secretsSuffix));
      return texts.flatMap((file) => findSecrets(read(file), secrets));
    },
    clear: () => rmSync(folder, { recursive: true, force: true }),
  };
}
