/**
 * Many addresses, routes and groups: adding one takes about the same whatever there is already. Counted, not timed: how often
 * addresses are compared, and how many routes are looked at. Eight times as many take little more than eight times the work.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../../src/base/inet-address.ts';
import { Memberships, placeAt } from '../../src/transport/memberships.ts';
import { probe, type Probe } from '../../src/net/testing.ts';

const FEW = 500;
const MANY = 8 * FEW;
/** A search by halves takes a little more each time; what is quadratic takes 64 times as much. */
const MOST_TIMES = 13;

const COMPARISONS = ['equals', 'is', 'isIn'] as const;

/** Counts comparisons of addresses while `run` is at work. */
function comparisons(run: () => void): number {
  let count = 0;
  const prototype = IpAddress.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = COMPARISONS.map((name) => [name, prototype[name]] as const);
  for (const [name, original] of originals) {
    prototype[name] = function counted(this: IpAddress, ...args: unknown[]): unknown {
      count++;
      return (original as (...all: unknown[]) => unknown).apply(this, args);
    };
  }
  try {
    run();
  } finally {
    for (const [name, original] of originals) prototype[name] = original as (...args: unknown[]) => unknown;
  }
  return count;
}

const v4 = (word: number): IpAddress => IpAddress.fromV4(word | 0);

const GATEWAY = v4(0xc0000263);

type Add = (at: Probe, i: number) => number;

const CASES: Readonly<Record<string, () => Add>> = {
  'IPv4 addresses of one network': () => ({ network, device }, i) => network.addAddress(device, v4(0x0a010001 + i), 16),
  'IPv4 addresses of a network each': () => ({ network, device }, i) => network.addAddress(device, v4(0x0a000001 + i * 256), 24),
  'IPv4 addresses, every other one alone in its network': () => ({ network, device }, i) => (
    network.addAddress(device, v4(i % 2 === 0 ? 0x0b000001 + i * 256 : 0x0a010001 + i), i % 2 === 0 ? 24 : 16)),
  'IPv6 addresses': () => ({ network, device }, i) => network.addAddress(device, new IpAddress(0x20010db8, 1, 0, i + 1), 64),
  'IPv4 routes over a gateway': () => ({ network }, i) => network.addRoute(v4(0x0b000000 + i * 256), 24, { gateway: GATEWAY }),
  'IPv4 routes to hosts': () => ({ network }, i) => network.addRoute(v4(0x0c000000 + i), 32, { gateway: GATEWAY }),
  'routes of many metrics': () => ({ network, device }, i) => network.addRoute(v4(0x0d000000), 24, { device, metric: MANY - i }),
  'IPv6 routes': () => ({ network, device }, i) => network.addRoute(new IpAddress(0x20010db9, i, 0, 0), 64, { device }),
  'IPv6 memberships of sockets': () => {
    const lists: Memberships[] = [];
    return ({ network, device }, i) => {
      // What optmem_max allows one socket.
      if (i % 400 === 0) lists.push(new Memberships(network));
      return (lists.at(-1) as Memberships).join(placeAt(new IpAddress(0xff050000 | 0, 0, 0, i + 0x100), device.index));
    };
  },
};

for (const [what, make] of Object.entries(CASES)) {
  test(`as many as there may be: ${what}`, (t) => {
    const work = [FEW, MANY].map((count) => {
      const add = make();
      const at = probe();
      const { table } = at.network.routing;
      const before = table.looked;
      const compared = comparisons(() => {
        for (let i = 0; i < count; i++) equal(add(at, i), 0, `${i}`);
      });
      return compared + table.looked - before;
    });
    const times = (work[1] as number) / Math.max(work[0] as number, 1);
    t.diagnostic(`${work.join(' and ')} steps: ${times.toFixed(1)} times`);
    ok(times <= MOST_TIMES, `${times.toFixed(1)} times the work`);
  });
}
