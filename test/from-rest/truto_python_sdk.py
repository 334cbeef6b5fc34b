"""In the place of truto-python-sdk, whose registry is not reached from here: the call that Truto's page shows, and the
request that the SDK's source is known to make of it. A real request, to wherever base_url says."""

import asyncio
import json
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class TrutoApi:
    def __init__(self, token, base_url="https://api.truto.one"):
        self.unified_api = _UnifiedApi(token, base_url)


class _UnifiedApi:
    def __init__(self, token, base_url):
        self._base_url = base_url
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    async def delete(self, model, resource, id, query):
        url = f"{self._base_url}/unified/{model}/{resource}/{id}?{urlencode(query)}"
        return await asyncio.to_thread(self._send, Request(url, headers=self._headers, method="DELETE"))

    def _send(self, request):
        with urlopen(request) as response:
            return json.load(response)
