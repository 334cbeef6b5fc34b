import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { ApolloProvider } from '@apollo/client/react';
import { createRoot } from 'react-dom/client';
import { Engagements } from './engagements.tsx';

const { VITE_ENDPOINT, VITE_ACCOUNT } = import.meta.env;
const uri = VITE_ENDPOINT ?? 'http://127.0.0.1:4000/graphql';
/** Planhat's in the sandbox. */
const account = VITE_ACCOUNT ?? '00000000-0000-4000-8000-000000000012';

// An `id` is unique within one type of one integrated account only.
const cache = new InMemoryCache({ typePolicies: { Engagement: { keyFields: ['nodeId'] } } });
const client = new ApolloClient({ cache, link: new HttpLink({ uri }) });

createRoot(document.getElementById('root') as HTMLElement).render(
  <ApolloProvider client={client}>
    <Engagements account={account} />
  </ApolloProvider>,
);
