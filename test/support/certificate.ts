import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';

/** One value in DER: a tag, a length of at most two bytes, the content. */
function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/**
 * A self-signed certificate for host names. It needs no tool, and no key in the repository.
 * @param hosts the names that it is for, at most 127 characters of them.
 */
export function selfSigned(...hosts: readonly string[]): { readonly key: string; readonly cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const ecdsaWithSha256 = der(0x30, der(0x06, '\x2a\x86\x48\xce\x3d\x04\x03\x02'));
  const name = der(0x30, der(0x31, der(0x30, der(0x06, '\x55\x04\x03'), der(0x0c, hosts[0] ?? ''))));
  const validity = der(0x30, der(0x17, '200101000000Z'), der(0x17, '491231235959Z'));
  const version3 = der(0xa0, der(0x02, '\x02'));
  const names = der(0x30, ...hosts.map((host) => der(0x82, host)));
  const extensions = der(0xa3, der(0x30, der(0x30, der(0x06, '\x55\x1d\x11'), der(0x04, names))));
  const about = [ecdsaWithSha256, name, validity, name, publicKey, extensions];
  const content = der(0x30, version3, der(0x02, '\x01'), ...about);
  const signature = der(0x03, '\0', sign('sha256', content, privateKey));
  const certificate = new X509Certificate(der(0x30, content, ecdsaWithSha256, signature));
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey))
    throw new Error('no certificate');
  return { key: privateKey, cert: certificate.toString() };
}
