/**
 * Options that once were taken and did nothing. Every answer is the one that Linux 6.18 gave to the same calls.
 */
import { equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Device } from '../../src/link/device.ts';
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import type { World } from '../../src/sim/world.ts';

const int = (n: number): Uint8Array => Uint8Array.of(n, 0, 0, 0);

interface Bed {
  world: World;
  process: Process;
  device: Device;
}

/** A host 192.0.2.1/24, 2001:db8::1/64 with a router behind .254 and ::fe, and a network on the link inside one that is not. */
function run(body: (bed: Bed) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const host = world.host('a');
    const cable = world.cable(host, world.host('b'), { addressA: ['192.0.2.1/24', '2001:db8::1/64'], addressB: '192.0.2.2/24' });
    const { network } = host;
    const ip = (text: string): IpAddress => IpAddress.from(text);
    equal(network.addRoute(ip('0.0.0.0'), 0, { gateway: ip('192.0.2.254') }), 0);
    equal(network.addRoute(ip('::'), 0, { gateway: ip('2001:db8::fe'), device: cable.a }), 0);
    equal(network.addRoute(ip('198.51.0.0'), 16, { device: cable.a }), 0);
    equal(network.addRoute(ip('198.51.100.0'), 24, { gateway: ip('192.0.2.254') }), 0);
    await body({ world, process: new Process(host, 'p'), device: cable.a });
  });
}

const FAR = sockaddrIn('203.0.113.1', 9);
const UNREACHABLE = { code: 'ENETUNREACH' };

test('MSG_DONTROUTE, SO_DONTROUTE: over IPv4 there is no way through a gateway', () => run(async ({ process }) => {
  const socket = (): Promise<number> => process.socket(AF.INET, SOCK.DGRAM, 0);
  const fd = await socket();
  const send = (to: string, flags: number): Promise<number> => process.sendto(fd, int(1), flags, sockaddrIn(to, 9));
  await rejects(send('203.0.113.1', Msg.DONTROUTE), UNREACHABLE);
  equal(await send('203.0.113.1', 0), 4, 'the flag is of one call');
  for (const near of ['192.0.2.9', '192.0.2.1', '127.0.0.1']) equal(await send(near, Msg.DONTROUTE), 4, near);
  equal(await send('198.51.100.7', Msg.DONTROUTE), 4, 'a wider network that is on the link serves');
  await rejects(send('224.0.0.9', Msg.DONTROUTE), UNREACHABLE);
  await process.setsockopt(fd, SOL.SOCKET, SO.BROADCAST, int(1));
  await rejects(send('255.255.255.255', Msg.DONTROUTE), UNREACHABLE);
  equal(await send('192.0.2.255', Msg.DONTROUTE), 4);
  await process.setsockopt(fd, SOL.SOCKET, SO.DONTROUTE, int(1));
  await rejects(send('203.0.113.1', 0), UNREACHABLE);
  await rejects(process.connect(fd, FAR), UNREACHABLE);

  const connected = await socket();
  await process.connect(connected, FAR);
  await rejects(process.send(connected, int(1), Msg.DONTROUTE), UNREACHABLE);
  await process.setsockopt(connected, SOL.SOCKET, SO.DONTROUTE, int(1));
  await rejects(process.send(connected, int(1), 0), UNREACHABLE);
  await process.setsockopt(connected, SOL.SOCKET, SO.DONTROUTE, int(0));
  equal(await process.send(connected, int(1), 0), 4);

  const corked = await socket();
  equal(await process.sendto(corked, int(1), Msg.DONTROUTE | Msg.MORE, sockaddrIn('192.0.2.9', 9)), 4);
  equal(await process.sendto(corked, int(1), 0, FAR), 4);
}));

test('SO_DONTROUTE: a stream connects to its link alone, and a listener answers nobody else', () => run(async ({ process, world }) => {
  const fd = await process.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
  await process.setsockopt(fd, SOL.SOCKET, SO.DONTROUTE, int(1));
  await rejects(process.connect(fd, FAR), UNREACHABLE);
  await rejects(process.connect(fd, sockaddrIn('192.0.2.9', 9)), { code: 'EINPROGRESS' });
  // The other host claims an address from far away, and knows the way back itself.
  const other = world.hosts[1];
  const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.bind(listener, sockaddrIn('0.0.0.0', 80));
  await process.setsockopt(listener, SOL.SOCKET, SO.DONTROUTE, int(1));
  await process.listen(listener, 1);
  const device = other?.network.interfaces()[1]?.device as Device;
  other?.addAddress(device, IpAddress.from('203.0.113.1'), 32);
  const client = new Process(other as NonNullable<typeof other>, 'client');
  const far = await client.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
  await client.bind(far, sockaddrIn('203.0.113.1', 0));
  await client.connect(far, sockaddrIn('192.0.2.1', 80)).catch(() => {});
  const near = await client.socket(AF.INET, SOCK.STREAM, 0);
  await client.connect(near, sockaddrIn('192.0.2.1', 80));
  equal(process.host.nstat()['TcpExtListenDrops'], 1);
}));

test('SO_DONTROUTE with a device: the address is taken to be on its link', () => run(async ({ process, device }) => {
  for (const type of [SOCK.DGRAM, SOCK.STREAM | SOCK.NONBLOCK]) {
    const fd = await process.socket(AF.INET, type, 0);
    await process.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, new TextEncoder().encode(device.name));
    await process.setsockopt(fd, SOL.SOCKET, SO.DONTROUTE, int(1));
    await process.connect(fd, FAR).catch((error) => equal(error.code, 'EINPROGRESS'));
    if (type === SOCK.DGRAM) await process.send(fd, int(1), 0);
  }
  const asked = [...process.host.network.neighbours4].map(({ address }) => String(address));
  equal(asked.join(), '203.0.113.1');
}));

test('SO_DONTROUTE: IPv6 takes no notice', () => run(async ({ process }) => {
  const far = sockaddrIn6('2001:db8:1::1', 9);
  const fd = await process.socket(AF.INET6, SOCK.DGRAM, 0);
  await process.setsockopt(fd, SOL.SOCKET, SO.DONTROUTE, int(1));
  equal(await process.sendto(fd, int(1), Msg.DONTROUTE, far), 4);
  await process.connect(fd, far);
}));

for (const [family, level, option, any, group, to] of [
  ['IP', IPPROTO.IP, IP.MULTICAST_LOOP, sockaddrIn('0.0.0.0', 5000), '224.0.0.9', sockaddrIn('224.0.0.9', 5000)],
  ['IPV6', IPPROTO.IPV6, IPV6.MULTICAST_LOOP, sockaddrIn6('::', 5000), 'ff05::9', sockaddrIn6('ff05::9', 5000)],
] as const) {
  test(`${family}_MULTICAST_LOOP: without it a group that this host is in gets no copy here, fragments included`, () => run(async ({ process, device, world }) => {
    const af = family === 'IP' ? AF.INET : AF.INET6;
    const receiver = await process.socket(af, SOCK.DGRAM, 0);
    await process.bind(receiver, any);
    process.host.network.joinGroup(device, IpAddress.from(group));
    const sender = await process.socket(af, SOCK.DGRAM, 0);
    await process.bind(sender, family === 'IP' ? sockaddrIn('192.0.2.1', 0) : sockaddrIn6('2001:db8::1', 0));
    for (const on of [0, 1, 0]) {
      await process.setsockopt(sender, level, option, int(on));
      const sentBefore = device.statistics.txPackets;
      for (const length of [3, 4000]) {
        await process.sendto(sender, new Uint8Array(length), 0, to);
        await world.sleep(1000);
        const received = process.recv(receiver, new Uint8Array(5000), Msg.DONTWAIT);
        if (on === 1) equal(await received, length);
        else await rejects(received, { code: 'EAGAIN' });
      }
      equal(device.statistics.txPackets - sentBefore >= 4, true, 'it goes out all the same');
    }
  }));
}
