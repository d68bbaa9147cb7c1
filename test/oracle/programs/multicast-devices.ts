/** Multicast on hosts with several devices, behind which nobody is: where it leaves, who of the host hears it, by both families. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { in4, in6 } from '../address.ts';
import { AF, IP, IPPROTO, IPV6, MCAST, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { dgram, INET, INET6, ints, PORT, room, text } from '../toolkit.ts';
import { groupReq, groupSource, mreq, mreq6, mreqn, mreqSource, v4 } from './multicast-values.ts';

const ETH0 = 2, ETH1 = 3;
const FIRST = '192.0.2.1', SECOND = '198.51.100.1';
const FIRST6 = '2001:db8:1::1', SECOND6 = '2001:db8:2::1';
const GROUP = '239.1.2.3', GROUP6 = 'ff15::7', LINK6 = 'ff02::fb', HOST6 = 'ff01::5', LOCAL = '224.0.0.251';

async function host(env: ProgramEnvironment, count = 2): Promise<Syscalls> {
  await env.plugIn(ETH0, [`${FIRST}/24`, `${FIRST6}/64`]);
  if (count > 1) await env.plugIn(ETH1, [`${SECOND}/24`, `${SECOND6}/64`]);
  return env.process();
}

async function listener(p: Syscalls, domain: number): Promise<number> {
  const fd = await p.socket(domain, SOCK.DGRAM, 0);
  await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.bind(fd, domain === AF.INET ? in4('0.0.0.0', PORT) : in6('::', PORT));
  const [level, info, hops] = domain === AF.INET ? [IPPROTO.IP, IP.PKTINFO, IP.RECVTTL] : [IPPROTO.IPV6, IPV6.RECVPKTINFO, IPV6.RECVHOPLIMIT];
  await p.setsockopt(fd, level, info, ints(1));
  await p.setsockopt(fd, level, hops, ints(1));
  return fd;
}

async function heard(env: ProgramEnvironment, p: Syscalls, fds: readonly number[]): Promise<void> {
  await env.settle(20);
  for (const fd of fds) {
    for (let i = 0; i < 4; i++) if ((await env.attempt(p.recvmsg(fd, [room(64)], MSG.DONTWAIT, 128, 128))) !== null) break;
  }
}

const joining = program('multicast-devices-joining', async (env) => {
  const p = await host(env);
  const four = await dgram(p, INET);
  const add = (value: Uint8Array): Promise<string | null> => env.attempt(p.setsockopt(four, IPPROTO.IP, IP.ADD_MEMBERSHIP, value));
  const drop = (value: Uint8Array): Promise<string | null> => env.attempt(p.setsockopt(four, IPPROTO.IP, IP.DROP_MEMBERSHIP, value));
  await add(mreq(GROUP, FIRST));
  await add(mreq(GROUP, SECOND));
  await add(mreqn(GROUP, '0.0.0.0', ETH0));
  await add(mreqn(GROUP, SECOND, ETH0));
  await add(mreq(GROUP, '0.0.0.0'));
  await add(mreq(GROUP, '192.0.2.255'));
  await add(mreq(GROUP, '127.0.0.1'));
  // Without an address or a way the one that joined last is as good as any.
  await drop(mreq(GROUP, '0.0.0.0'));
  await drop(mreqn(GROUP, '0.0.0.0', ETH1));
  await drop(mreq(GROUP, SECOND));
  await drop(mreq(GROUP, FIRST));
  for (const value of [v4(FIRST), v4(SECOND), mreqn('0.0.0.0', '0.0.0.0', ETH1), mreqn('0.0.0.0', FIRST, ETH1)]) {
    await env.attempt(p.setsockopt(four, IPPROTO.IP, IP.MULTICAST_IF, value));
    await p.getsockopt(four, IPPROTO.IP, IP.MULTICAST_IF, 4);
  }
  await p.setsockopt(four, SOL.SOCKET, SO.BINDTODEVICE, text('eth0\0'));
  for (const value of [v4(FIRST), v4(SECOND), mreqn('0.0.0.0', '0.0.0.0', ETH1), mreqn('0.0.0.0', '0.0.0.0', ETH0), v4('0.0.0.0')]) {
    await env.attempt(p.setsockopt(four, IPPROTO.IP, IP.MULTICAST_IF, value));
  }
  const six = await dgram(p, INET6);
  for (const [option, value] of [
    [IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, ETH0)], [IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, ETH1)], [IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, 0)],
    [IPV6.DROP_MEMBERSHIP, mreq6(GROUP6, ETH0)], [IPV6.DROP_MEMBERSHIP, mreq6(GROUP6, ETH0)], [IPV6.DROP_MEMBERSHIP, mreq6(GROUP6, 0)],
    [IPV6.DROP_MEMBERSHIP, mreq6(GROUP6, 0)],
  ] as const) await env.attempt(p.setsockopt(six, IPPROTO.IPV6, option, value));
  await p.setsockopt(six, SOL.SOCKET, SO.BINDTODEVICE, text('eth1\0'));
  for (const index of [ETH0, ETH1, 0]) await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.MULTICAST_IF, ints(index)));
});

const byRoute = program('multicast-devices-by-route', async (env) => {
  const p = await host(env, 1);
  const six = await dgram(p, INET6);
  for (const group of [GROUP6, LINK6, HOST6]) {
    await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(group, 0)));
    await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(group, ETH0)));
    await env.attempt(p.setsockopt(six, IPPROTO.IPV6, MCAST.BLOCK_SOURCE, groupSource(group, FIRST6, 0)));
    await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.DROP_MEMBERSHIP, mreq6(group, ETH0)));
  }
  const fd = await listener(p, AF.INET6);
  await p.setsockopt(fd, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, 0));
  await env.attempt(p.sendto(six, text('by route'), 0, in6(GROUP6, PORT)));
  await heard(env, p, [fd]);
});

const delivery4 = program('multicast-devices-delivery4', async (env) => {
  const p = await host(env);
  const fds: number[] = [];
  for (let i = 0; i < 5; i++) fds.push(await listener(p, AF.INET));
  const [first, second, both, strict, filtering] = fds as [number, number, number, number, number];
  await p.setsockopt(strict, IPPROTO.IP, IP.MULTICAST_ALL, ints(0));
  const sender = await dgram(p, INET);
  const send = async (words: string, group = GROUP): Promise<void> => {
    await env.attempt(p.sendto(sender, text(words), 0, in4(group, PORT)));
    await heard(env, p, fds);
  };
  await send('no way');
  for (const address of [FIRST, SECOND]) {
    await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(address));
    await send('nobody');
  }
  await p.setsockopt(first, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP, FIRST));
  await p.setsockopt(second, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP, SECOND));
  for (const address of [FIRST, SECOND]) await p.setsockopt(both, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP, address));
  await p.setsockopt(filtering, IPPROTO.IP, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(GROUP, FIRST, FIRST));
  await p.setsockopt(filtering, IPPROTO.IP, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(GROUP, FIRST, SECOND));
  for (const address of [FIRST, SECOND]) {
    await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(address));
    await send('members');
    await send('not members', '239.9.9.9');
    await send('all hosts', '224.0.0.1');
    await send('link', LOCAL);
  }
  for (const [index, address] of [[ETH0, SECOND], [ETH1, FIRST]] as const) {
    await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, mreqn('0.0.0.0', address, index));
    await send('crossed');
  }
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_TTL, ints(0));
  await send('stays');
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_LOOP, ints(0));
  await send('lost');
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_LOOP, ints(1));
  await p.setsockopt(strict, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreqn(GROUP, '0.0.0.0', ETH1));
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(FIRST));
  await send('other device');
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(SECOND));
  await send('this device');
  await p.setsockopt(both, SOL.SOCKET, SO.BINDTODEVICE, text('eth0\0'));
  await send('bound to the other');
});

const delivery6 = program('multicast-devices-delivery6', async (env) => {
  const p = await host(env);
  const fds: number[] = [];
  for (let i = 0; i < 4; i++) fds.push(await listener(p, AF.INET6));
  const [first, second, strict, filtering] = fds as [number, number, number, number];
  await p.setsockopt(strict, IPPROTO.IPV6, IPV6.MULTICAST_ALL, ints(0));
  const sender = await dgram(p, INET6);
  const send = async (words: string, group = GROUP6, scope = 0): Promise<void> => {
    await env.attempt(p.sendto(sender, text(words), 0, in6(group, PORT, scope)));
    await heard(env, p, fds);
  };
  for (const index of [ETH0, ETH1]) {
    await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_IF, ints(index));
    await send('nobody');
    await send('all nodes', 'ff02::1');
    await send('link', LINK6);
  }
  await p.setsockopt(first, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, ETH0));
  await p.setsockopt(second, IPPROTO.IPV6, MCAST.JOIN_GROUP, groupReq(LINK6, ETH1));
  await p.setsockopt(filtering, IPPROTO.IPV6, MCAST.JOIN_SOURCE_GROUP, groupSource(GROUP6, FIRST6, ETH0));
  await p.setsockopt(filtering, IPPROTO.IPV6, MCAST.JOIN_SOURCE_GROUP, groupSource(GROUP6, FIRST6, ETH1));
  for (const index of [ETH0, ETH1]) {
    await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_IF, ints(index));
    await send('member');
    await send('link', LINK6);
  }
  for (const scope of [ETH0, ETH1]) await send('scope', LINK6, scope);
  await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_IF, ints(ETH0));
  for (const hops of [0, 9]) {
    await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_HOPS, ints(hops));
    await send(`hops ${hops}`);
  }
  await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_LOOP, ints(0));
  await send('no loop');
  await p.setsockopt(sender, IPPROTO.IPV6, IPV6.MULTICAST_LOOP, ints(1));
  await p.setsockopt(first, IPPROTO.IPV6, MCAST.BLOCK_SOURCE, groupSource(GROUP6, FIRST6, ETH0));
  await send('blocked');
  await p.setsockopt(strict, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(GROUP6, ETH1));
  await send('joined elsewhere');
  await p.close(first);
  await p.close(filtering);
  fds.splice(0, 4, second, strict);
  await send('nobody here');
  // Over IPv4 by the same socket.
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(SECOND));
  await p.setsockopt(strict, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP, SECOND));
  await send('mapped', `::ffff:${GROUP}`);
});

const raw6 = program('multicast-devices-raw6', async (env) => {
  const p = await host(env, 1);
  const make = (): Promise<number> => p.socket(AF.INET6, SOCK.RAW, 253);
  const [any, named, namedStrict, filtering] = [await make(), await make(), await make(), await make()];
  for (const fd of [named, namedStrict]) await p.bind(fd, in6(FIRST6, 0));
  await p.setsockopt(namedStrict, IPPROTO.IPV6, IPV6.MULTICAST_ALL, ints(0));
  await p.setsockopt(filtering, IPPROTO.IPV6, MCAST.JOIN_GROUP, groupReq(GROUP6, ETH0));
  const fds = [any, named, namedStrict, filtering];
  const sender = await make();
  const send = async (words: string): Promise<void> => {
    await env.attempt(p.sendto(sender, text(words), 0, in6(GROUP6, 0, ETH0)));
    await heard(env, p, fds);
  };
  await send('one');
  await p.setsockopt(filtering, IPPROTO.IPV6, MCAST.BLOCK_SOURCE, groupSource(GROUP6, FIRST6, ETH0));
  await p.setsockopt(any, IPPROTO.IPV6, MCAST.JOIN_GROUP, groupReq(GROUP6, ETH0));
  await send('two');
  await p.setsockopt(namedStrict, IPPROTO.IPV6, MCAST.JOIN_GROUP, groupReq(GROUP6, ETH0));
  await send('three');
});

export const programs: readonly Program[] = [joining, byRoute, delivery4, delivery6, raw6];
