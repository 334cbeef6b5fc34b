import { RESTDataSource } from '@apollo/datasource-rest';
import { Response } from 'node-fetch';
import { Pool } from 'undici';

const upstream = new Pool(process.env.UPSTREAM_URL ?? '', { connections: 128 });

/** RESTDataSource's default, node-fetch over `node:http`, takes more CPU time. */
async function fetchByPool(url, { method, headers, body } = {}) {
  const { pathname, search } = new URL(url);
  const answer = await upstream.request({ method, path: pathname + search, headers, body });
  return new Response(answer.body, { url, status: answer.statusCode, headers: answer.headers });
}

/** Apollo's own client for REST APIs, over undici's Pool. It reads the same address once in an operation. */
export class EngagementsApi extends RESTDataSource {
  baseURL = process.env.UPSTREAM_URL ?? '';

  /**
   * @param {{ cache: import('@apollo/utils.keyvaluecache').KeyValueCache }} server whose cache it shares, as documented.
   * @param {string | undefined} authorization
   */
  constructor({ cache }, authorization) {
    super({ cache, fetch: fetchByPool });
    this.authorization = authorization;
  }

  willSendRequest(_path, request) {
    request.headers.authorization = this.authorization;
  }

  /** @param {string} path */
  list(path) {
    return this.get(path);
  }

  /** @param {string} path */
  user(path) {
    return this.get(path);
  }
}
