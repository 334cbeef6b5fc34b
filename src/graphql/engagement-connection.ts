import type { EngagementPage } from '../engagement/read.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import { builder } from './builder.ts';
import { Engagement } from './engagement.ts';

/** A page and where it was found. */
export interface ConnectionPage extends EngagementPage {
  /** The cursor it was asked for by; null for the first page. */
  readonly after: string | null;
}

const PageInfo = builder.objectRef<ConnectionPage>('PageInfo').implement({
  shareable: true,
  description: 'Where a page stands among the others. Upstream pages forward only.',
  fields: (t) => ({
    hasNextPage: t.boolean({
      nullable: false,
      description: 'True when more follow.',
      resolve: ({ nextCursor }) => nextCursor !== null,
    }),
    hasPreviousPage: t.boolean({
      nullable: false,
      description: 'True when this is not the first page.',
      resolve: ({ after }) => after !== null,
    }),
    startCursor: t.string({
      description: 'The cursor this page was asked for by; null for the first page.',
      resolve: ({ after }) => after,
    }),
    endCursor: t.string({
      description: 'Give it as `after` to get the next page; null at the end.',
      resolve: ({ nextCursor }) => nextCursor,
    }),
  }),
});

const EngagementEdge = builder
  .objectRef<{ node: EngagementRecord; cursor: string | null }>('EngagementEdge')
  .implement({
    description: 'One engagement of a page.',
    fields: (t) => ({
      node: t.expose('node', { type: Engagement, nullable: false, description: 'The engagement itself.' }),
      cursor: t.exposeString('cursor', {
        description:
          "What `after` needs to go on behind this one. Upstream has cursors between pages only, so all but a page's last are null.",
      }),
    }),
  });

/** A page of engagements, in Relay's form. */
export const EngagementConnection = builder.objectRef<ConnectionPage>('EngagementConnection').implement({
  description: 'A page of engagements. There is no total: upstream has none.',
  fields: (t) => ({
    nodes: t.field({
      type: [Engagement],
      nullable: false,
      description: 'The engagements of the page.',
      resolve: ({ records }) => [...records],
    }),
    edges: t.field({
      type: [EngagementEdge],
      nullable: false,
      description: 'The same, each with its cursor.',
      resolve: ({ records, nextCursor }) =>
        records.map((node, index) => ({ node, cursor: index === records.length - 1 ? nextCursor : null })),
    }),
    isPartial: t.exposeBoolean('isPartial', {
      nullable: false,
      description:
        'True when upstream says that it gives only a part: engagements, or fields of them, may be missing. Do not conclude that what ' +
        'is not here does not exist; ask again later.',
    }),
    pageInfo: t.field({
      type: PageInfo,
      nullable: false,
      description: 'Where the page stands.',
      resolve: (page) => page,
    }),
  }),
});
