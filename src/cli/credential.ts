import { readFile } from 'node:fs/promises';
import { type Config, parseConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { UsageError } from './exit-code.ts';

/** For the end of `--help`. A token is never an argument: others on the machine see those. */
export const tokenText = `
Which Truto token is used, and where requests go (first that holds):
  1. --token-file <path>: sent to TRUTO_BASE_URL (https://api.truto.one)
  2. with SANDBOX=1: that of an embedded sandbox, which lives as long as the command. Nothing real is deleted then, and
     standard error says so
  3. the variable TRUTO_API_TOKEN: sent to TRUTO_BASE_URL
  4. with nothing set at all: the embedded sandbox
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

/** The token that the terminal is given; undefined when it is given none. */
async function givenToken(env: NodeJS.ProcessEnv, tokenFile: string | undefined) {
  const value = tokenFile === undefined ? env.TRUTO_API_TOKEN?.trim() : await readTokenFile(tokenFile);
  if (value === undefined) return undefined;
  const source = tokenFile === undefined ? 'TRUTO_API_TOKEN' : '--token-file';
  // A blank one, too: whoever sets it means the real Truto, and must not take the sandbox for it.
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
  const mode = env.AUTH_MODE?.trim();
  const isSandboxAsked = env.SANDBOX?.trim() === '1';
  if (tokenFile !== undefined && isSandboxAsked)
    throw new UsageError('--token-file and SANDBOX=1 exclude each other: the sandbox has a token of its own');
  // Here the token is the command's own in every mode; a server without AUTH_MODE=service would warn that it ignores it.
  const { TRUTO_API_TOKEN: _token, ...rest } = env;
  const settings = mode === 'service' ? env : rest;
  if (isSandboxAsked && mode !== 'service')
    return { config: parseConfig(settings), token: undefined, source: 'the sandbox' };
  const given = await givenToken(env, tokenFile);
  // Who gives a token means the real thing, also where nothing else is set.
  const config = parseConfig(given && !mode ? { ...settings, AUTH_MODE: 'passthrough' } : settings);
  if (given) return { config, ...given };
  if (config.upstream === 'sandbox') return { config, token: undefined, source: 'the sandbox' };
  throw new UsageError('There is no token: set TRUTO_API_TOKEN, or give --token-file <path>');
}
