import { composeServices as composeByApollo } from '@apollo/composition';
import { composeServices as composeByGuild } from '@theguild/federation-composition';
import { federateSubgraphs } from '@wundergraph/composition';
import { parse, print } from 'graphql';

/*
 * Composes subgraphs with each of three libraries. Reads a JSON list of `{name, url, sdl}`, and writes a JSON object
 * `{apollo, guild, wundergraph}`, each `{errors, sdl}`.
 */

let input = '';
for await (const chunk of process.stdin) input += chunk;
/** @type {{ name: string, url: string, sdl: string }[]} */
const subgraphs = JSON.parse(input);

const services = subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
const messages = (errors) => (errors ?? []).map(({ message }) => message);

const apollo = composeByApollo(services);
const guild = composeByGuild(services);
const wundergraph = federateSubgraphs({
  version: '1',
  subgraphs: subgraphs.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) })),
});

process.stdout.write(
  JSON.stringify({
    apollo: { errors: messages(apollo.errors), sdl: apollo.supergraphSdl },
    guild: { errors: messages(guild.errors), sdl: guild.supergraphSdl },
    wundergraph: {
      errors: messages(wundergraph.errors),
      sdl: wundergraph.success ? print(wundergraph.federatedGraphAST) : undefined,
    },
  }),
);
