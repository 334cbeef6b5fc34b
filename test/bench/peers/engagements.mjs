import DataLoader from 'dataloader';

/**
 * What the peers with a schema of their own serve: the part of this project's schema that the bench asks for, as small as
 * it can be. Scalars are passed through, results are success or nothing: no rules, limits, typed errors, retries or log.
 */
export const typeDefs = `
  scalar JSON
  enum EngagementType { CALL CHAT EMAIL MEETING NOTE }
  type Reference { id: ID! }
  type Owner { id: ID! name: String }
  type PhoneNumber { id: ID number: String type: String extension: String }
  type Engagement {
    id: ID! subject: String status: String content: String direction: String internalNotes: String duration: String
    startTime: String endTime: String customFields: JSON createdAt: String updatedAt: String remoteData: JSON
    owner: Owner project: Reference account: Reference contacts: [Reference!] opportunities: [Reference!]
    leads: [Reference!] notes: [Reference!] phoneNumbers: [PhoneNumber!]
    rawEngagementType: String engagementType: EngagementType
  }
  interface Error { message: String! }
  type NotFoundError implements Error { message: String! }
  type DeleteEngagementSuccess { deletedEngagementId: ID! outcome: String! engagement: Engagement }
  union DeleteEngagementResult = DeleteEngagementSuccess | NotFoundError
  type EngagementConnection { nodes: [Engagement!]! }
  type Query { engagements(integratedAccountId: ID!, first: Int): EngagementConnection }
  type Mutation { deleteEngagement(id: ID!, integratedAccountId: ID!): DeleteEngagementResult }
`;

/** @param {string} id @param {string} account */
export const deletePath = (id, account) =>
  `/unified/crm/engagements/${encodeURIComponent(id)}?integrated_account_id=${encodeURIComponent(account)}`;

/** @param {string} account @param {number} first */
export const pagePath = (account, first) =>
  `/unified/crm/engagements?integrated_account_id=${encodeURIComponent(account)}&limit=${first}`;

/** @param {string} id @param {string} account */
export const userPath = (id, account) =>
  `/unified/crm/users/${encodeURIComponent(id)}?integrated_account_id=${encodeURIComponent(account)}`;

/**
 * The context of one operation for peers that bring no way to upstream of their own: each user is read once.
 * @param {(method: string, path: string) => Promise<any>} ask sends one request, and reads its JSON.
 */
export function createContext(ask) {
  const users = new DataLoader((paths) => Promise.all(paths.map((path) => ask('GET', path))), { batch: false });
  return {
    /** @param {string} path */
    delete: (path) => ask('DELETE', path),
    /** @param {string} path */
    list: (path) => ask('GET', path),
    /** @param {string} path */
    user: (path) => users.load(path),
  };
}

/** Resolvers over a context with `delete`, `list` and `user`. */
export const resolvers = {
  Query: {
    engagements: async (_, { integratedAccountId, first }, context) => {
      const { result } = await context.list(pagePath(integratedAccountId, first));
      return { nodes: result.map((record) => ({ ...record, integratedAccountId })) };
    },
  },
  Mutation: {
    deleteEngagement: async (_, { id, integratedAccountId }, context) => ({
      deletedEngagementId: id,
      outcome: 'DELETED',
      engagement: await context.delete(deletePath(id, integratedAccountId)),
    }),
  },
  DeleteEngagementResult: {
    __resolveType: ({ outcome }) => (outcome ? 'DeleteEngagementSuccess' : 'NotFoundError'),
  },
  Engagement: {
    owner: ({ owner, integratedAccountId }) => owner && { ...owner, integratedAccountId },
    internalNotes: (record) => record.internal_notes,
    startTime: (record) => record.start_time,
    endTime: (record) => record.end_time,
    customFields: (record) => record.custom_fields,
    createdAt: (record) => record.created_at,
    updatedAt: (record) => record.updated_at,
    remoteData: (record) => record.remote_data,
    contacts: (record) => record.contact,
    opportunities: (record) => record.opportunity,
    leads: (record) => record.lead,
    phoneNumbers: (record) => record.phone_numbers,
    rawEngagementType: (record) => record.engagement_type,
    engagementType: (record) => record.engagement_type?.toUpperCase(),
  },
  Owner: {
    name: async ({ id, integratedAccountId }, _, context) =>
      (await context.user(userPath(id, integratedAccountId))).name,
  },
};
