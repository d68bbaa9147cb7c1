/** Routes in words. */
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Cidr, IpAddress } from '../base/inet-address.ts';
import { readRoute, type RouteOptions } from './route-request.ts';

test('default is of the family of via, and of IPv4 without one', () => {
  const prefix = (to: string, options: RouteOptions): string => String(readRoute(to, options).prefix);
  equal(prefix('default', { via: '192.0.2.1' }), '0.0.0.0/0');
  equal(prefix('default', { via: 'fe80::1' }), '::/0');
  equal(prefix('default', {}), '0.0.0.0/0');
  equal(prefix('::/0', {}), '::/0');
  equal(prefix('192.0.2.7', {}), '192.0.2.7/32');
  equal(String(readRoute(new Cidr(IpAddress.from('10.0.0.0'), 8), {}).prefix), '10.0.0.0/8');
});

test('what is left out is left to choose', () => {
  deepEqual(readRoute('10.0.0.0/8', {}).target, { gateway: null, source: null, device: null, onLink: false });
  const { target } = readRoute('10.0.0.0/8', { via: IpAddress.from('192.0.2.1'), metric: 0, scope: 'link', type: 'prohibit', onlink: true });
  deepEqual(target, { gateway: IpAddress.from('192.0.2.1'), source: null, device: null, onLink: true, metric: 0, scope: 253, type: 8 });
});

test('what cannot be read is said in a sentence', () => {
  const refused = (to: string, options: object, sentence: RegExp): void => {
    throws(() => readRoute(to, options as RouteOptions), (error: Error) => error instanceof TypeError && sentence.test(error.message));
  };
  refused('10.0.0.0/33', {}, /'10\.0\.0\.0\/33' is no prefix such as/);
  refused('everywhere', {}, /and not 'default'/);
  refused('default', { gateway: '192.0.2.1' }, /unknown option gateway; there are via, device/);
  refused('default', { via: '192.0.2' }, /via takes an address, not '192\.0\.2'/);
  refused('default', { source: 7 }, /source takes an address/);
  refused('default', { via: '192.0.2.1', metric: -1 }, /the metric is a whole number/);
  refused('default', { scope: 'site' }, /scope is one of global, link, host, not 'site'/);
  refused('default', { type: 'toString' }, /type is one of unicast, blackhole/);
});
