import { describe, expect, it } from 'vitest';
import { networks } from '../src/config/settings.ts';
import { findClient } from '../src/http/connections/waits.ts';

const trusted = networks.schema.parse('10.0.0.0/8, 192.0.2.7, fd00::/8');

describe('S26 the client of a request', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001:db8:0:1::9', '2001:db8:0:1::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('at %s is %s', (remoteAddress, address) => {
    expect(findClient(remoteAddress, undefined, undefined)).toEqual({ address, isProxy: false });
  });

  it('is the address of the connection, for any X-Forwarded-For, when the connection is not from a trusted proxy', () => {
    for (const list of [undefined, trusted])
      expect(findClient('203.0.113.9', '198.51.100.1', list)).toEqual({ address: '203.0.113.9', isProxy: false });
  });

  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['198.51.100.1:4711', '198.51.100.1'],
    ['198.51.100.66, 198.51.100.1', '198.51.100.1'],
    ['198.51.100.1, 10.9.9.9,192.0.2.7', '198.51.100.1'],
    ['10.1.1.1, 198.51.100.1, ::ffff:10.9.9.9', '198.51.100.1'],
    ['2001:DB8:0:1::9', '2001:db8:0:1::/64'],
    ['[2001:db8:0:1::9]:80, fd00::1', '2001:db8:0:1::/64'],
  ])('behind a trusted proxy that forwarded for %s is %s', (forwardedFor, address) => {
    for (const proxy of ['10.1.2.3', '192.0.2.7', '::ffff:10.1.2.3', 'fd12::1'])
      expect(findClient(proxy, forwardedFor, trusted)).toEqual({ address, isProxy: false });
  });

  it.each([undefined, '', 'unknown', '198.51.100.1, unknown', '10.9.9.9'])(
    'is the trusted proxy itself when X-Forwarded-For is %j',
    (forwardedFor) => {
      expect(findClient('10.1.2.3', forwardedFor, trusted)).toEqual({ address: '10.1.2.3', isProxy: true });
    },
  );
});
