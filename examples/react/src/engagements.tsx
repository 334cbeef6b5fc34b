import { useQuery } from '@apollo/client/react';
import { useState } from 'react';
import { describe } from './describe.ts';
import { graphql } from './gql/gql.ts';
import type { ListQuery } from './gql/graphql.ts';
import { useDelete } from './use-delete.ts';

const list = graphql(`
  query List($account: ID!) {
    engagements(integratedAccountId: $account, first: 20) {
      nodes { nodeId id subject }
    }
  }
`);

type Engagement = NonNullable<ListQuery['engagements']>['nodes'][number];

function Row({ engagement, account }: { readonly engagement: Engagement; readonly account: string }) {
  const { deleteEngagement, isDeleting } = useDelete(account);
  const [outcome, setOutcome] = useState<string>();

  async function onClick() {
    try {
      const result = await deleteEngagement(engagement.id);
      setOutcome(result ? describe(result) : 'There is no result.');
    } catch (error) {
      // No server, no valid token, or a document that is refused.
      setOutcome(`Not sent, or not answered. ${error instanceof Error ? error.message : error}`);
    }
  }

  return (
    <li>
      {engagement.subject ?? engagement.id}{' '}
      <button type="button" disabled={isDeleting} onClick={onClick}>
        {outcome ? 'Try again' : 'Delete'}
      </button>{' '}
      <output>{outcome}</output>
    </li>
  );
}

/** The engagements of an integrated account, each with a button that deletes it. */
export function Engagements({ account }: { readonly account: string }) {
  const { data, error } = useQuery(list, { variables: { account } });
  if (error) return <p role="alert">{error.message}</p>;
  if (!data) return <p>Loading …</p>;
  return (
    <ul>
      {data.engagements?.nodes.map((engagement) => (
        <Row key={engagement.nodeId} engagement={engagement} account={account} />
      ))}
    </ul>
  );
}
