import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Counters, Mib, type MibName } from './counters.ts';

test('every counter has a place of its own', () => {
  const places = Object.values(Mib);
  equal(new Set(places).size, places.length, 'no name stands twice');
  equal(new Counters().values.length, places.length);
});

test('a snapshot names what is not zero', () => {
  const counters = new Counters();
  deepEqual(counters.snapshot(), {});
  counters.values[Mib.TcpInSegs] = 1;
  counters.values[Mib.IpExtInOctets] = 2 ** 40;
  equal(counters.get('IpExtInOctets'), 2 ** 40);
  deepEqual(counters.snapshot(), { TcpInSegs: 1, IpExtInOctets: 2 ** 40 });
});

test('names are spelt as nstat spells them', () => {
  for (const name of Object.keys(Mib) as MibName[]) ok(/^(Ip|Ip6|Icmp|Icmp6|Tcp|Udp|Udp6|TcpExt|IpExt|Link|Arp|Neigh|Nd)[A-Z0-9]\w*$/.test(name), name);
});
