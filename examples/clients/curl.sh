#!/usr/bin/env bash
# curl and a shell: lists one engagement, deletes it, and says what became of it. Settings as for the others: see settings.mjs.
set -euo pipefail

endpoint=${1:-${ENDPOINT:-http://127.0.0.1:4000/graphql}}
id=${2:-}
account=${ACCOUNT:-00000000-0000-4000-8000-000000000012}

ask() { # body, further options of curl
  local body=$1
  shift
  curl --silent --show-error "$endpoint" --header 'content-type: application/json' \
    ${TOKEN:+--header "authorization: Bearer $TOKEN"} "$@" --data "$body"
}

# The value of a text field in an answer: enough for ids and enums. For more than that there is jq.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$2"; }

fail() {
  echo "curl: failed. $(field message "$1")"
  exit 1
}

if [[ -z $id ]]; then
  list='query List($account: ID!) { engagements(integratedAccountId: $account, first: 1) { nodes { id } } }'
  answer=$(ask "{\"query\": \"$list\", \"variables\": {\"account\": \"$account\"}}")
  id=$(field id "$answer")
  [[ -n $id ]] || fail "$answer"
fi

delete='mutation Delete($id: ID!, $account: ID!) { deleteEngagement(id: $id, integratedAccountId: $account) {
  __typename ... on DeleteEngagementSuccess { deletedEngagementId outcome } ... on Error { message } } }'
delete=${delete//$'\n'/ }

# One key for one delete: with the same key again, it is still one delete. Keep it until you know the outcome.
key=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)
answer=$(ask "{\"query\": \"$delete\", \"variables\": {\"id\": \"$id\", \"account\": \"$account\"}}" \
  --header "idempotency-key: $key")

type=$(field __typename "$answer")
case $type in
  DeleteEngagementSuccess) echo "curl: deleted $(field deletedEngagementId "$answer"), $(field outcome "$answer")" ;;
  OutcomeUnknownError) echo "curl: perhaps deleted. $(field message "$answer")"; exit 1 ;;
  '') fail "$answer" ;;
  *) echo "curl: not deleted, $type. $(field message "$answer")"; exit 1 ;; # All others are an Error.
esac
