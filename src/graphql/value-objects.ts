import type { z } from 'zod';
import type * as shape from '../engagement/shapes.ts';
import { builder } from './builder.ts';

/** A phone number of an engagement or a record. */
export const PhoneNumber = builder.objectRef<z.output<typeof shape.phoneNumbers>[number]>('PhoneNumber').implement({
  description: 'A phone number of an engagement, a person or a company.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Upstream's id of the phone number." }),
    number: t.exposeString('number', { description: 'The number as the provider writes it.' }),
    extension: t.exposeString('extension', { description: 'The extension to dial after the number.' }),
    type: t.exposeString('type', { description: "The provider's word for the kind of number, such as `mobile`." }),
  }),
});

/** An email address of a person. */
export const EmailAddress = builder.objectRef<z.output<typeof shape.emailAddresses>[number]>('EmailAddress').implement({
  description: 'An email address of a person.',
  fields: (t) => ({
    email: t.exposeString('email', { description: 'The address itself.' }),
    type: t.exposeString('type', { description: "The provider's word for the kind of address, such as `work`." }),
  }),
});

/** A postal address. */
export const Address = builder.objectRef<z.output<typeof shape.addresses>[number]>('Address').implement({
  description: 'A postal address of a person or a company.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Upstream's id of the address." }),
    street1: t.exposeString('street_1', { description: 'The first line of the street.' }),
    street2: t.exposeString('street_2', { description: 'The second line of the street.' }),
    city: t.exposeString('city', { description: 'The city or town.' }),
    state: t.exposeString('state', { description: 'The state, province or region.' }),
    postalCode: t.exposeString('postal_code', { description: 'The postal code.' }),
    country: t.exposeString('country', { description: 'The country, as the provider writes it.' }),
    type: t.exposeString('type', { description: "The provider's word for the kind of address, such as `billing`." }),
  }),
});

/** A web address. */
export const WebAddress = builder.objectRef<z.output<typeof shape.urls>[number]>('WebAddress').implement({
  description: 'A web address of a record.',
  fields: (t) => ({
    url: t.exposeString('url', { description: 'The address itself.' }),
    type: t.exposeString('type', { description: "The provider's word for the kind of address, such as `website`." }),
  }),
});

/** A tag of a record. */
export const Tag = builder.objectRef<z.output<typeof shape.tags>[number]>('Tag').implement({
  description: 'A tag that the provider keeps on a record.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Upstream's id of the tag." }),
    name: t.exposeString('name', { description: 'What the tag says.' }),
  }),
});

/** A stage of a deal or a project. */
export const Stage = builder.objectRef<z.output<typeof shape.named>>('Stage').implement({
  description: 'A stage of a pipeline, as the provider defines it.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Upstream's id of the stage." }),
    name: t.exposeString('name', { description: 'What the stage is called.' }),
  }),
});
