import { readFile } from 'node:fs/promises';
import { type Config, parseConfig } from '../config.ts';
import { Secret } from '../secret.ts';
import { UsageError } from './exit-code.ts';

/** For the end of `--help`. A token is never an argument: others on the machine see those. */
export const tokenText = `
Which Truto token is used, and where requests go (first that holds):
  1. --token-file <path>, or else the variable TRUTO_TOKEN: yours, sent to TRUTO_BASE_URL (https://api.truto.one)
  2. with AUTH_MODE=service: the server's own, TRUTO_API_TOKEN
  3. with SANDBOX=1, or nothing set at all: an embedded sandbox that lives as long as the command. Nothing real
     is deleted then, and standard error says so
  A token is no argument, since other users of the machine see those (ps). It is never printed.
`;

/** What the terminal works with: the server's configuration, and a token. */
export interface Credential {
  readonly config: Config;
  /** Undefined: that of the embedded sandbox. */
  readonly token: Secret | undefined;
  /** Where the token is from, for people. */
  readonly source: string;
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new UsageError(`--token-file cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

async function ownToken(env: NodeJS.ProcessEnv, tokenFile: string | undefined) {
  const value = tokenFile === undefined ? env.TRUTO_TOKEN?.trim() : await readTokenFile(tokenFile);
  if (value === undefined) return undefined;
  const source = tokenFile === undefined ? 'TRUTO_TOKEN' : '--token-file';
  if (!/^[\x21-\x7e]+$/.test(value))
    throw new UsageError(`${source} must hold a token of visible ASCII characters without spaces`);
  return { source, token: new Secret(value) };
}

/**
 * Reads the settings and finds the token.
 * @throws {ConfigError} naming every mistake of the settings at once.
 * @throws {UsageError} when there is no token, or one that cannot be.
 */
export async function findCredential(env: NodeJS.ProcessEnv, tokenFile: string | undefined): Promise<Credential> {
  const own = await ownToken(env, tokenFile);
  // That name is the terminal's alone: the server, which would not use it, refuses it.
  const { TRUTO_TOKEN: _own, ...settings } = env;
  if (own && settings.SANDBOX?.trim() === '1')
    throw new UsageError(`${own.source} and SANDBOX=1 exclude each other: the sandbox has a token of its own`);
  // Who gives a token means the real thing, also where nothing else is set.
  const config = parseConfig(own && !settings.AUTH_MODE?.trim() ? { ...settings, AUTH_MODE: 'passthrough' } : settings);
  if (own) return { config, ...own };
  if (config.auth.mode === 'service') return { config, token: config.auth.apiToken, source: 'TRUTO_API_TOKEN' };
  if (config.upstream === 'sandbox') return { config, token: undefined, source: 'the sandbox' };
  throw new UsageError('There is no token: set TRUTO_TOKEN, or give --token-file <path>');
}
