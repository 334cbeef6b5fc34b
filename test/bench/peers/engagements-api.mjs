import { RESTDataSource } from '@apollo/datasource-rest';

/** Apollo's own way to a REST API, as documented, with everything at its default. It reads the same address once in an operation. */
export class EngagementsApi extends RESTDataSource {
  baseURL = process.env.UPSTREAM_URL ?? '';

  /**
   * @param {{ cache: import('@apollo/utils.keyvaluecache').KeyValueCache }} server whose cache it shares, as documented.
   * @param {string | undefined} authorization
   */
  constructor({ cache }, authorization) {
    super({ cache });
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
