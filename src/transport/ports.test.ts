import { equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Errno } from '../base/errno.ts';
import { HostContext } from '../base/host-context.ts';
import { IpAddress } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Device } from '../link/device.ts';
import { PortFlag, type PortHolder, PortTable } from './ports.ts';

class Holder implements PortHolder {
  localPort = 0;
  readonly portRange = 0;
  portFlags: number;
  readonly boundDevice: Device | null = null;
  nextHolder: PortHolder | null = null;
  previousHolder: PortHolder | null = null;
  readonly isV4: boolean;
  localAddress: IpAddress;
  constructor(address: string, flags = 0, isV4 = !address.includes(':')) {
    this.localAddress = IpAddress.from(address);
    this.isV4 = isV4;
    this.portFlags = flags;
  }
}

function table(isDatagram = false): { ports: PortTable; context: HostContext } {
  const loop = new Loop(new VirtualClock(new SeededRandom('ports'), () => {}));
  const context = new HostContext(loop, new SeededRandom('ports'));
  return { ports: new PortTable(context, isDatagram), context };
}

const { ReuseAddress, ReusePort, V6Only, Listening, ByConnect } = PortFlag;
const IN_USE = -Errno.EADDRINUSE;

const CASES: readonly [string, Holder, Holder, number][] = [
  ['the same address', new Holder('192.0.2.1'), new Holder('192.0.2.1'), IN_USE],
  ['different addresses', new Holder('192.0.2.1'), new Holder('192.0.2.2'), 0],
  ['any after one', new Holder('192.0.2.1'), new Holder('0.0.0.0'), IN_USE],
  ['SO_REUSEADDR on both, none listens', new Holder('0.0.0.0', ReuseAddress), new Holder('0.0.0.0', ReuseAddress), 0],
  ['SO_REUSEADDR on both, one listens', new Holder('0.0.0.0', ReuseAddress | Listening), new Holder('0.0.0.0', ReuseAddress), IN_USE],
  ['SO_REUSEADDR on one only', new Holder('0.0.0.0'), new Holder('0.0.0.0', ReuseAddress), IN_USE],
  ['SO_REUSEPORT on both, one listens', new Holder('0.0.0.0', ReusePort | Listening), new Holder('0.0.0.0', ReusePort), 0],
  ['0.0.0.0 after dual-stack ::', new Holder('::'), new Holder('0.0.0.0'), IN_USE],
  ['0.0.0.0 after :: with V6ONLY', new Holder('::', V6Only), new Holder('0.0.0.0'), 0],
  [':: with V6ONLY after 0.0.0.0', new Holder('0.0.0.0'), new Holder('::', V6Only), 0],
  ['dual-stack :: after 0.0.0.0', new Holder('0.0.0.0'), new Holder('::'), IN_USE],
  ['one IPv6 address after 0.0.0.0', new Holder('0.0.0.0'), new Holder('2001:db8::1'), 0],
];

for (const [name, first, second, expected] of CASES) {
  test(`bind of a stream, Linux: ${name}`, () => {
    const { ports } = table();
    equal(ports.bind(first, 8080), 0);
    equal(ports.bind(second, 8080), expected);
  });
}

test('datagrams share with SO_REUSEADDR alone; streams do not once one listens', () => {
  const flags = ReuseAddress | Listening;
  for (const [isDatagram, expected] of [[true, 0], [false, IN_USE]] as const) {
    const { ports } = table(isDatagram);
    equal(ports.bind(new Holder('0.0.0.0', flags), 53), 0);
    equal(ports.bind(new Holder('0.0.0.0', flags), 53), expected);
  }
});

test('RFC 6056: connect takes ports of the low end\'s parity, bind to 0 the others', () => {
  const { ports, context } = table();
  const low = context.settings.ipLocalPortRangeLow;
  const remote = IpAddress.from('192.0.2.9');
  for (let i = 0; i < 200; i++) {
    const active = new Holder('192.0.2.1', ByConnect);
    equal(ports.bindForConnect(active, remote, 80, { tupleIsFree: () => false }), 0);
    equal((active.localPort - low) % 2, 0);
    const passive = new Holder('192.0.2.1');
    equal(ports.bind(passive, 0), 0);
    equal((passive.localPort - low) % 2, 1);
  }
});

test('connect shares a port of another connect when the 4-tuple is free, never one of bind', () => {
  for (const [flags, free, expected] of [[ByConnect, true, 0], [ByConnect, false, -Errno.EADDRNOTAVAIL], [0, true, -Errno.EADDRNOTAVAIL]] as const) {
    const { ports, context } = table();
    context.settings.ipLocalPortRangeLow = 40000;
    context.settings.ipLocalPortRangeHigh = 40000;
    ports.join(new Holder('192.0.2.1', flags), 40000);
    const holder = new Holder('192.0.2.1', ByConnect);
    equal(ports.bindForConnect(holder, IpAddress.from('192.0.2.9'), 80, { tupleIsFree: () => free }), expected);
  }
});

test('a port with many holders is free when the last has left, whatever the order', () => {
  const { ports } = table();
  const holders = Array.from({ length: 5 }, () => new Holder('192.0.2.1', ReuseAddress));
  for (const holder of holders) ports.join(holder, 443);
  const next = new Holder('192.0.2.1');
  const heir = new Holder('192.0.2.1', ReuseAddress);
  ports.replace(holders[0] as Holder, heir);
  notEqual(ports.bind(next, 443), 0);
  for (const at of [3, 1, 4, 2]) ports.release(holders[at] as Holder);
  equal(ports.bind(next, 443), IN_USE, 'the heir still holds it');
  ports.release(heir);
  ok(ports.holders(443) === null);
  equal(ports.bind(next, 443), 0);
});
