import { type Name, settings } from './settings.ts';

/** True when there is a setting of that name. */
export const isSetting = (name: string): name is Name => Object.hasOwn(settings, name);

/** True when this many letters removed, added, replaced or swapped turn one text into the other. */
function isWithin(edits: number, one: string, other: string): boolean {
  if (one === other) return true;
  if (edits === 0) return false;
  let same = 0;
  while (one[same] === other[same]) same += 1;
  const [a, b] = [one.slice(same), other.slice(same)];
  const isSwapped = a[0] === b[1] && a[1] === b[0];
  return (
    isWithin(edits - 1, a.slice(1), b) ||
    isWithin(edits - 1, a, b.slice(1)) ||
    isWithin(edits - 1, a.slice(1), b.slice(1)) ||
    (isSwapped && isWithin(edits - 1, a.slice(2), b.slice(2)))
  );
}

/** The setting that a mistyped name means; undefined when it resembles none. */
function findMeant(name: string): Name | undefined {
  const upperCase = name.toUpperCase().replace(/[-.]/g, '_');
  const joined = (text: string) => text.replaceAll('_', '');
  const sorted = (text: string) => text.split('_').sort().join('_');
  // A short name, such as HOST, resembles too many names of other programs. A long one resembles none, even with two typos.
  const names = (Object.keys(settings) as Name[]).filter(({ length }) => length >= 7);
  const longOnes = names.filter(({ length }) => length >= 12);
  return (
    names.find((setting) => joined(upperCase) === joined(setting) || sorted(upperCase) === sorted(setting)) ??
    names.find((setting) => isWithin(1, upperCase, setting)) ??
    longOnes.find((setting) => isWithin(2, upperCase, setting))
  );
}

/** The message about a name that is not a setting. */
export function describeUnknown(name: string): string {
  const meant = findMeant(name);
  return `${name} is not a setting of this server${meant ? `: did you mean ${meant}?` : ''}`;
}

/** Prefixes of our settings; other programs use some of them too. */
const families = /^(TRUTO|JWT|AUTH|BULK|UNDO|REDIS|TRUSTED)_/;
/** Names that Kubernetes sets for a Service, Docker for a linked container, and Heroku for its Redis. */
const platformForms = [
  /_SERVICE_(HOST$|PORT$|PORT_)/,
  /_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/,
  /^REDIS_(TLS_|TEMPORARY_)URL$/,
];
/** Names that resemble ours. HTTP_PROXY is not read, since only loopback is reached without TLS. */
const proxyNames = /^(https?_proxy|no_proxy|HTTP_PROXY)$/;

/**
 * A mistyped setting is a problem: it could leave a server unprotected. A name that only has one of our prefixes may be another
 * program's: one warning lists these. Names that platforms set are ignored.
 */
export function checkNames(env: NodeJS.ProcessEnv, problems: string[], warnings: string[]): void {
  const ignored: string[] = [];
  for (const name of Object.keys(env)) {
    if (isSetting(name) || proxyNames.test(name)) continue;
    // Node reads the mark at the beginning of an .env as a part of the first name.
    if (name.startsWith('\ufeff')) {
      problems.push(`${name.slice(1)} follows a byte order mark: save the .env file as UTF-8 without it`);
      continue;
    }
    const meant = findMeant(name);
    // One value under two names is harmless. Some platforms set both, and on Windows case does not count.
    if (meant && env[meant]?.trim() !== env[name]?.trim()) problems.push(describeUnknown(name));
    else if (families.test(name) && !platformForms.some((form) => form.test(name))) ignored.push(name);
  }
  if (ignored.length > 0)
    warnings.push(`These variables are not settings of this server and are ignored: ${ignored.join(', ')}`);
}
