/**
 * In the place of @truto/truto-ts-sdk, which the npm registry does not have: the call that works, and the request that the
 * SDK's source is known to make of any. A real request, to wherever `baseUrl` says.
 */
export default class TrutoApi {
  #options;

  constructor(options) {
    this.#options = { baseUrl: 'https://api.truto.one', ...options };
  }

  unifiedApi = {
    delete: async (id, { unified_model: model, resource, ...query }) => {
      const { token, baseUrl } = this.#options;
      const url = `${baseUrl}/unified/${model}/${resource}/${encodeURIComponent(id)}?${new URLSearchParams(query)}`;
      const headers = { accept: 'application/json', authorization: `Bearer ${token}` };
      const response = await fetch(url, { method: 'DELETE', headers });
      if (!response.ok) throw new Error(response.statusText);
      return response.status === 204 ? {} : response.json();
    },
  };
}
