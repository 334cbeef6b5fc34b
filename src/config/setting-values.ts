import { BlockList, isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { parseRedisAddress } from './redis-address.ts';
import { Secret } from './secret.ts';

/* What the text of a setting may be, and what it becomes. */

/** The hosts that nobody else can reach, or be. */
export const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An absolute address that cannot carry a credential, or what it guards, in the clear. */
export const address: z.ZodType<URL, string> = z
  .string()
  .refine(URL.canParse)
  .transform((text) => new URL(text))
  .refine((url) => url.protocol === 'https:' || (url.protocol === 'http:' && loopbackHosts.has(url.hostname)))
  .refine((url) => url.username === '' && url.password === '');

/** An address that paths are appended to: even an empty query or fragment would swallow them. */
export const baseAddress: z.ZodType<URL, string> = z
  .string()
  .refine((text) => !/[?#]/.test(text))
  .pipe(address);

/** Digits alone, within bounds. */
export const wholeNumber = (minimum: number, maximum: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum);

/** Text that must never show. */
export const secretText = (pattern: RegExp): z.ZodType<Secret, string> =>
  z
    .string()
    .regex(pattern)
    .transform((value) => new Secret(value));

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

/** A user and password in it are expected, so that it is a secret whole. */
export const redisAddress: z.ZodType<Secret, string> = z
  .string()
  .refine((value) => parseRedisAddress(value) !== undefined)
  .transform((value) => new Secret(value));

/** What keys in Redis begin with: with a part in braces, as it is; without, all of it is put in braces, for one hash slot. */
export const redisPrefix: z.ZodType<string, string> = z
  .string()
  .max(64)
  .regex(/^[\w.:-]+$|^[\w.:-]*\{[\w.:-]+\}[\w.:-]*$/)
  .transform((value) => (value.includes('{') ? value : `{${value}}`));

/** The address of a proxy; without a scheme it is an http one, as for curl. What user and password it has makes it a secret. */
export const proxyAddress: z.ZodType<Secret, string> = z
  .string()
  .transform((value) => URL.parse(value.includes('://') ? value : `http://${value}`))
  .refine((url) => url !== null && /^https?:$/.test(url.protocol))
  .refine((url) => isDecodable(url?.username ?? '') && isDecodable(url?.password ?? ''))
  .transform((url) => new Secret(url?.href ?? ''));

/** A folder by its absolute path, or a bucket by its address. */
export const store: z.ZodType<string | URL, string> = z.union([z.string().refine(isAbsolute), baseAddress]);

/** Adds an address, or a block of them as `address/bits`; false when it is neither. */
function addBlock(list: BlockList, block: string): boolean {
  const [, address = '', bits] = /^([\w.:]+)(?:\/(\d{1,3}))?$/.exec(block) ?? [];
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || Number(bits ?? most) > most) return false;
  list.addSubnet(address, Number(bits ?? most), version === 4 ? 'ipv4' : 'ipv6');
  return true;
}

/** Addresses and CIDR blocks, separated by commas. */
export const networks: z.ZodType<BlockList, string> = z.string().transform((value, { addIssue }) => {
  const list = new BlockList();
  for (const block of value.split(',')) if (!addBlock(list, block.trim())) addIssue('not an address');
  return list;
});

/** `1` for yes, `0` for no. */
export const flag: z.ZodType<boolean, string> = z.enum(['0', '1']).transform((value) => value === '1');
/** Any text. */
export const text: z.ZodType<string, string> = z.string();
/** What {@link address} takes, in words. */
export const addressRule = 'an https address (http only for loopback) without user';
