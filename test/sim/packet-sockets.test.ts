/** AF_PACKET in a world: what the oracle's loopback cannot show, that is cards, other hosts' frames, and devices that go. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { readSockaddrLl, sockaddrLl } from '../../src/api/posix/sockaddr.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { packetStatistics } from '../../src/link/packet.ts';
import { AF, ETH_P, PACKET, PACKET_MR, PACKET_TYPE, SO, SOCK, SOL, TP_STATUS } from '../../src/socket/constants.ts';
import { readControl } from '../../src/socket/control.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { filterBytes } from '../../src/socket/socket-filter.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { seed } from '../results.ts';

const PORT = 9502;
const ON = Uint8Array.of(1, 0, 0, 0);
const htons = (n: number): number => ((n & 0xff) << 8) | (n >> 8);

interface Seen {
  readonly type: number;
  readonly protocol: number;
  readonly bytes: Uint8Array;
  readonly status: number;
}

/** Everything that waits at a packet socket. */
async function frames(p: Process, fd: number): Promise<Seen[]> {
  const all: Seen[] = [];
  const buffer = new Uint8Array(70_000);
  for (;;) {
    try {
      const { count, name, control } = await p.recvmsg(fd, [buffer], Msg.DONTWAIT, 20, 64);
      const { type, protocol } = readSockaddrLl(name) as { type: number; protocol: number };
      const [auxiliary] = readControl(control);
      all.push({ type, protocol, bytes: buffer.slice(0, count), status: auxiliary === undefined ? 0 : auxiliary.data[0] as number });
    } catch {
      return all;
    }
  }
}

async function listen(host: Host, protocol: number, index = 0): Promise<{ p: Process; fd: number }> {
  const p = new Process(host, 'watch');
  const fd = await p.socket(AF.PACKET, SOCK.RAW, 0);
  await p.setsockopt(fd, SOL.PACKET, PACKET.AUXDATA, ON);
  await p.bind(fd, sockaddrLl({ protocol, index }));
  return { p, fd };
}

/** Sends `length` bytes over TCP, and closes. */
async function transfer(from: Host, to: Host, address: string, length: number): Promise<void> {
  const server = new Process(to, 'server');
  const listening = await server.socket(AF.INET, SOCK.STREAM, 0);
  await server.bind(listening, sockaddrIn('0.0.0.0', PORT));
  await server.listen(listening, 1);
  const client = new Process(from, 'client');
  const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
  await client.connect(fd, sockaddrIn(address, PORT));
  const accepted = (await server.accept(listening)).fd;
  const writing = client.write(fd, new Uint8Array(length));
  const buffer = new Uint8Array(length);
  for (let have = 0; have < length;) have += await server.read(accepted, buffer.subarray(have));
  await writing;
  client.exit();
  server.exit();
}

test('packet(7): a segment that is cut later is seen whole, its checksum not yet there', () => simulate({ seed }, async (world) => {
  const a = world.host('a');
  const b = world.host('b');
  world.cable(a, b, { delayUs: 1000 });
  const { p, fd } = await listen(a, ETH_P.IP);
  const all = await listen(a, ETH_P.ALL);
  await transfer(a, b, '10.0.1.2', 30_000);
  const sent = (await frames(all.p, all.fd)).filter(({ type, protocol }) => type === PACKET_TYPE.OUTGOING && protocol === ETH_P.IP);
  ok(sent.some(({ bytes }) => bytes.length > 1514));
  ok(sent.every(({ status }) => (status & TP_STATUS.CSUMNOTREADY) !== 0));
  const arrived = await frames(p, fd);
  ok(arrived.length > 0 && arrived.every(({ type }) => type === PACKET_TYPE.HOST), 'one protocol alone: what arrives');
}));

test('IFF_PROMISC: frames for others come to who asked for them', () => simulate({ seed }, async (world) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => world.host(name)) as Host[] as [Host, Host, Host];
  const hub = world.switch();
  for (const host of [a, b, c]) world.cable(host, hub, {});
  const index = 2;
  const { p, fd } = await listen(c, 0x88b5);
  const sender = new Process(a, 'sender');
  const out = await sender.socket(AF.PACKET, SOCK.DGRAM, 0);
  // To an address that no switch has learnt: the frame goes everywhere.
  const send = async (): Promise<void> => {
    await sender.sendto(out, Uint8Array.of(1, 2, 3), 0, sockaddrLl({ protocol: 0x88b5, index, address: Uint8Array.of(2, 0, 0, 9, 9, 9) }));
    await sender.sleep(10_000);
  };
  await send();
  deepEqual(await frames(p, fd), []);
  const request = Uint8Array.of(index, 0, 0, 0, PACKET_MR.PROMISC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  await p.setsockopt(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, request);
  const device = c.network.deviceAt(index);
  equal(device?.promiscuity, 1);
  await send();
  deepEqual((await frames(p, fd)).map(({ type }) => type), [PACKET_TYPE.OTHERHOST]);
  await p.close(fd);
  equal(device?.promiscuity, 0, 'a socket that is closed asks for nothing any more');
  equal(device?.listeners, null);
}));

test('packet_notifier: a device that is down or gone is ENETDOWN, one that is up again is heard', () => simulate({ seed }, async (world) => {
  const a = world.host('a');
  const b = world.host('b');
  world.cable(a, b, {});
  const device = a.network.deviceAt(2) as NonNullable<ReturnType<Host['network']['deviceAt']>>;
  const { p, fd } = await listen(a, ETH_P.ALL, 2);
  const set = (up: boolean): void => {
    device.up = up;
    a.network.deviceChanged(device);
  };
  set(false);
  await rejects(p.recv(fd, new Uint8Array(1), 0), { code: 'ENETDOWN' });
  await rejects(p.sendto(fd, new Uint8Array(20), 0, sockaddrLl({ index: 2 })), { code: 'ENETDOWN' });
  await p.bind(fd, sockaddrLl({ protocol: ETH_P.IP, index: 2 }));
  await rejects(p.recv(fd, new Uint8Array(1), 0), { code: 'ENETDOWN' });
  set(true);
  await p.send(fd, new Uint8Array(20), 0);
  const waiting = rejects(p.recv(fd, new Uint8Array(1), 0), { code: 'ENETDOWN' });
  a.network.detach(device);
  await waiting;
  await rejects(p.send(fd, new Uint8Array(20), 0), { code: 'ENXIO' });
  equal(readSockaddrLl(await p.getsockname(fd))?.index, -1);
  await p.close(fd);
}));

test('EPERM without CAP_NET_RAW; filters choose; nothing is left of a socket that is closed', () => simulate({ seed }, async (world) => {
  const a = world.host('a');
  const b = world.host('b');
  world.cable(a, b, {});
  const user = new Process(a, 'user');
  user.core.credentials.effective = 0;
  await rejects(user.socket(AF.PACKET, SOCK.RAW, htons(ETH_P.ALL)), { code: 'EPERM' });
  const before = packetStatistics.packetsInUse;
  const { p, fd } = await listen(a, ETH_P.ALL);
  await p.setsockopt(fd, SOL.SOCKET, SO.ATTACH_FILTER, filterBytes(compileFilter(`tcp port ${PORT} and tcp[tcpflags] & tcp-syn != 0`)));
  await transfer(a, b, '10.0.1.2', 3000);
  equal((await frames(p, fd)).length, 2, 'SYN and SYN-ACK');
  await transfer(b, a, '10.0.1.1', 3000);
  await p.sleep(120_000_000);
  p.exit();
  equal(packetStatistics.packetsInUse, before);
}));
