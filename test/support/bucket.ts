import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from './listen.ts';

/** What opens a bucket. */
export interface BucketKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What temporary credentials have besides. */
  readonly sessionToken?: string;
  readonly region: string;
}

/** A file in a bucket. */
export interface StoredFile {
  readonly text: string;
  readonly contentType: string | undefined;
  /** What the signature covers of the bytes: their hash, or nothing. */
  readonly payload: 'SHA256' | 'UNSIGNED-PAYLOAD';
}

/** Answers one request in place of the bucket, which then neither checks nor keeps anything. */
export type Instead = (response: ServerResponse) => void;

/** A bucket as S3 has them, on a real socket: it takes what is signed with its key, and works that out itself. */
export interface Bucket extends AsyncDisposable {
  /** The address of the bucket, without a slash at its end. */
  readonly url: string;
  /** Host and port. */
  readonly host: string;
  /** What it keeps, by the decoded path within it. */
  readonly files: ReadonlyMap<string, StoredFile>;
  /** How many requests ever came. */
  requestCount(): number;
}

const bucketPath = '/a-bucket';

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** Percent-encoding as Signature Version 4 has it: all but letters, digits and `-._~`. */
function encode(text: string): string {
  const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, percent);
}

function canonicalQuery(query: string): string {
  const pairs = query.split('&').filter(Boolean);
  const encoded = pairs.map((pair) => pair.split('=', 2).map((part) => encode(decodeURIComponent(part))));
  return encoded
    .map(([name, value = '']) => `${name}=${value}`)
    .sort()
    .join('&');
}

const authorizationForm =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;

/** Why the request is refused; undefined when it is signed with the key. */
function findFault({ method, url = '', headers }: IncomingMessage, body: Buffer, key: BucketKey): string | undefined {
  const [, accessKeyId, day = '', region = '', names = '', signature] =
    authorizationForm.exec(headers.authorization ?? '') ?? [];
  if (accessKeyId !== key.accessKeyId || region !== key.region) return 'it is not signed with this key';
  if (headers['x-amz-security-token'] !== key.sessionToken) return 'it has not the session of this key';
  const time = String(headers['x-amz-date']);
  if (!/^\d{8}T\d{6}Z$/.test(time) || !time.startsWith(day)) return 'it has no time, or that of another day';
  const signed = names.split(';');
  const unsigned = Object.keys(headers).filter((name) => /^(host$|x-amz-)/.test(name) && !signed.includes(name));
  if (unsigned.length > 0) return `it leaves unsigned: ${unsigned}`;
  const hash = String(headers['x-amz-content-sha256']);
  if (hash !== 'UNSIGNED-PAYLOAD' && hash !== sha256(body)) return 'its body is another than it says';

  const [path = '', query = ''] = url.split('?', 2);
  const lines = signed.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`).join('');
  const canonicalPath = path.split('/').map(decodeURIComponent).map(encode).join('/');
  const request = [method, canonicalPath, canonicalQuery(query), lines, names, hash].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(request)].join('\n');
  const dayKey = hmac(`AWS4${key.secretAccessKey}`, day);
  const signingKey = ['s3', 'aws4_request'].reduce(hmac, hmac(dayKey, region));
  return hmac(signingKey, toSign).toString('hex') === signature
    ? undefined
    : `the signature is not that of:\n${toSign}`;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Refuses as S3 does, which tells a good deal of what it was asked. */
export function refuse(response: ServerResponse, code: string, message: string): void {
  const { url, headers } = response.req;
  const asked = `<Resource>${headers.host}${url}</Resource><Authorization>${headers.authorization}</Authorization>`;
  response.writeHead(403, { 'content-type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>${message}</Message>${asked}</Error>`);
}

/** Sends a file, or the bytes of it that are asked for. */
function send(file: StoredFile | undefined, range: string | undefined, response: ServerResponse): void {
  if (!file) return void response.writeHead(404).end();
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (first === undefined) return void response.writeHead(200).end(file.text);
  response.writeHead(206).end(Buffer.from(file.text).subarray(Number(first), Number(last) + 1));
}

/**
 * Starts a bucket.
 * @param instead what its first requests get, in order; those without one, and those after them, get what a bucket answers.
 */
export async function startBucket(key: BucketKey, instead: readonly (Instead | undefined)[] = []): Promise<Bucket> {
  const files = new Map<string, StoredFile>();
  let requestCount = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const another = instead[requestCount++];
    const body = await readBody(request);
    if (another) return another(response);
    const fault = findFault(request, body, key);
    if (fault !== undefined) return refuse(response, 'SignatureDoesNotMatch', fault);
    const [path = ''] = (request.url ?? '').split('?', 1);
    const name = decodeURIComponent(path).replace(`${bucketPath}/`, '');
    if (request.method === 'GET') return send(files.get(name), request.headers.range, response);
    if (request.method !== 'PUT') return void response.writeHead(405).end();
    files.set(name, {
      text: body.toString(),
      contentType: request.headers['content-type'],
      payload: request.headers['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD' ? 'UNSIGNED-PAYLOAD' : 'SHA256',
    });
    response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end();
  }

  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const listening = await listen(server);
  return Object.assign(listening, {
    url: `${listening.url}${bucketPath}`,
    files,
    requestCount: () => requestCount,
  });
}

/** A PUT of AWS's documentation ("Example: PUT Object"), with the signature that is right for it. */
export const awsExample = {
  key: {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  },
  path: '/test$file.text',
  body: 'Welcome to Amazon S3.',
  signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  headers: (signature: string) => ({
    host: 'examplebucket.s3.amazonaws.com',
    date: 'Fri, 24 May 2013 00:00:00 GMT',
    'x-amz-date': '20130524T000000Z',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    authorization: `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=${signature}`,
  }),
};
