"""Python with nothing but its standard library. Needs Python 3.10. Settings as for the others: see settings.mjs."""

import json
import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

ENDPOINT = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ENDPOINT", "http://127.0.0.1:4000/graphql")
GIVEN_ID = sys.argv[2] if len(sys.argv) > 2 else None
ACCOUNT = os.environ.get("ACCOUNT", "00000000-0000-4000-8000-000000000012")
TOKEN = os.environ.get("TOKEN")

LIST = "query List($account: ID!) { engagements(integratedAccountId: $account, first: 5) { nodes { id subject } } }"
DELETE = """mutation Delete($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) {
    __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome }
    ... on RateLimitedError { retryAfterMs }
    ... on OutcomeUnknownError { retrySafe }
    ... on Error { message }
  }
}"""


def ask(query, variables, **headers):
    headers |= {"Content-Type": "application/json", **({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})}
    body = json.dumps({"query": query, "variables": variables}).encode()
    try:
        with urlopen(Request(ENDPOINT, body, headers), timeout=30) as response:
            answer = json.load(response)
    except HTTPError as error:  # A refusal is a GraphQL answer all the same.
        answer = json.load(error)
    if answer.get("errors"):
        raise RuntimeError(" ".join(error["message"] for error in answer["errors"]))
    return answer["data"]


def describe(result):
    match result:
        case {"__typename": "DeleteEngagementSuccess"}:
            return f"deleted {result['deletedEngagementId']}, {result['outcome']}"
        case {"__typename": "OutcomeUnknownError", "retrySafe": safe}:
            return f"perhaps deleted, {'send it again' if safe else 'read it first'}. {result['message']}"
        case {"__typename": "RateLimitedError", "retryAfterMs": wait}:
            return f"not deleted, wait {wait or 'some'} ms. {result['message']}"
        case _:  # All others are an Error: not deleted, and the message says why.
            return f"not deleted, {result['__typename']}. {result['message']}"


try:
    engagement_id = GIVEN_ID or ask(LIST, {"account": ACCOUNT})["engagements"]["nodes"][0]["id"]
    variables = {"id": engagement_id, "account": ACCOUNT}
    result = ask(DELETE, variables, **{"Idempotency-Key": str(uuid4())})["deleteEngagement"]
    print(f"python: {describe(result)}")
    sys.exit(result["__typename"] != "DeleteEngagementSuccess")
except (RuntimeError, URLError) as error:
    sys.exit(f"python: failed. {error}")
