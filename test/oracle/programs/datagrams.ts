/** UDP: addresses, boundaries, flags, errors that ICMP brings back. */
import { finish, sumBytes } from '../../../src/base/checksum.ts';
import { F, IOCTL, IP, IPPROTO, IPV6, MSG, O, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { familyOnly, in4, in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import type { Family } from '../toolkit.ts';
import {
  ALL_FAMILIES, FAMILIES, INET, INET6, MAPPED, POLL, PORT, dgram, dgramPair, ints, pattern, room, state, text, wait,
} from '../toolkit.ts';

/** <linux/udp.h> */
const UDP_CORK = 1;

const addressed = ALL_FAMILIES.map((family) => program(`datagram-addresses-${family.name}`, async (env) => {
  const p = await env.process();
  const server = await dgram(p, family);
  await p.bind(server, family.loopback(PORT));
  const client = await dgram(p, family);
  await p.getsockname(client);
  await p.sendto(client, text('hello'), 0, family.loopback(PORT));
  await p.getsockname(client);
  await wait(p, server, POLL.IN);
  await p.ioctl(server, IOCTL.FIONREAD);
  const first = await p.recvfrom(server, room(16), 0);
  await p.sendto(server, text('answer'), 0, first.address);
  await wait(p, client, POLL.IN);
  await p.recvfrom(client, room(16), 0);
  // Several datagrams keep their boundaries and their order.
  for (const word of ['one', 'three', '', 'fifteen letters']) {
    await p.sendto(client, text(word), 0, family.loopback(PORT));
  }
  await env.settle();
  await p.ioctl(server, IOCTL.FIONREAD);
  await p.read(server, room(16));
  await p.recv(server, room(16), 0);
  await p.ioctl(server, IOCTL.FIONREAD);
  await p.recvfrom(server, room(16), 0);
  await p.recvfrom(server, room(16), 0);
  await p.ioctl(server, IOCTL.FIONREAD);
  await env.attempt(p.recvfrom(server, room(16), MSG.DONTWAIT));
  await p.sendmsg(client, { name: family.loopback(PORT), iov: [text('in '), text('parts')] }, 0);
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(4), room(2), room(16)], 0, 128, 64);
  await p.sendmsg(client, { name: family.loopback(PORT), iov: [] }, 0);
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(4)], 0, 128);
  await p.sendto(client, text('nameless'), 0, family.loopback(PORT));
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(16)], 0, 0);
  // The name is cut off where there is no more room for it.
  const known = await dgram(p, family);
  await p.bind(known, family.loopback(PORT + 1));
  await p.sendto(known, text('short name'), 0, family.loopback(PORT));
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(16)], 0, 6);
}));

const truncation = FAMILIES.map((family) => program(`datagram-truncation-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  const send = async (): Promise<void> => {
    await p.send(a, text('0123456789'), 0);
    await wait(p, b, POLL.IN);
  };
  await send();
  await p.recv(b, room(4), MSG.PEEK);
  await p.recv(b, room(4), MSG.PEEK | MSG.TRUNC);
  await p.recv(b, room(4), MSG.TRUNC);
  await send();
  await p.read(b, room(4));
  await send();
  await p.recvmsg(b, [room(2), room(2)], MSG.PEEK, 128);
  await p.recvmsg(b, [room(2), room(2)], MSG.TRUNC, 128);
  await send();
  await p.recvmsg(b, [room(4), room(20)], MSG.TRUNC, 128);
  await send();
  await p.recvfrom(b, room(3), MSG.TRUNC);
  await send();
  await p.readv(b, [room(3), room(3)]);
  await send();
  await p.recv(b, room(0), MSG.PEEK);
  await p.read(b, room(0));
  await p.recv(b, room(0), 0);
  await send();
  await p.recv(b, room(16), MSG.WAITALL);
  await env.attempt(p.recv(b, room(16), MSG.DONTWAIT));
  await env.attempt(p.recv(b, room(16), MSG.DONTWAIT | MSG.PEEK));
  await env.attempt(p.recv(b, room(16), MSG.OOB | MSG.DONTWAIT));
  await env.attempt(p.recv(b, room(16), MSG.ERRQUEUE));
  await env.attempt(p.send(a, text('x'), MSG.OOB));
}));

const sizes = FAMILIES.map((family) => program(`datagram-sizes-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  for (const size of [0, 1, 1472, 1473, 9000, 65507, 65508, 65527, 65528, 65535, 65536, 100_000]) {
    if ((await env.attempt(p.send(a, pattern(size, size), 0))) !== null) continue;
    await wait(p, b, POLL.IN);
    await p.recv(b, room(70_000), 0);
  }
  const free = await dgram(p, family);
  await env.attempt(p.sendto(free, pattern(65_508), 0, family.loopback(PORT)));
  await env.attempt(p.sendto(free, pattern(65_536), 0, family.loopback(PORT)));
  await env.attempt(p.writev(a, [pattern(40_000), pattern(40_000)]));
  await env.attempt(p.sendmsg(a, { iov: [pattern(30_000, 5), pattern(30_000, 6)] }, 0));
  await wait(p, b, POLL.IN);
  await p.recvmsg(b, [room(10_000), room(60_000)], 0, 128);
}));

const more = FAMILIES.map((family) => program(`datagram-more-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  // MSG_MORE collects one datagram.
  await p.send(a, text('first '), MSG.MORE);
  await env.settle();
  await state(p, b);
  await p.send(a, text('second '), MSG.MORE);
  await p.send(a, text('last'), 0);
  await wait(p, b, POLL.IN);
  await p.recvfrom(b, room(64), 0);
}));

const unaddressed = FAMILIES.map((family) => program(`datagram-without-destination-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await dgram(p, family);
  await env.attempt(p.send(fd, text('x'), 0));
  await env.attempt(p.write(fd, text('x')));
  await env.attempt(p.writev(fd, [text('x')]));
  await env.attempt(p.sendto(fd, text('x'), 0, null));
  await env.attempt(p.sendmsg(fd, { iov: [text('x')] }, 0));
  await env.attempt(p.write(fd, room(0)));
  await env.attempt(p.getpeername(fd));
  await env.attempt(p.sendto(fd, text('x'), 0, new Uint8Array(1)));
  await env.attempt(p.sendto(fd, text('x'), 0, family.loopback(PORT).subarray(0, 8)));
  await env.attempt(p.sendto(fd, text('x'), 0, new Uint8Array(200)));
  await env.attempt(p.sendto(fd, text('x'), 0, (family === INET ? INET6 : INET).loopback(PORT)));
  await env.attempt(p.sendto(fd, text('x'), 0, familyOnly(1, 28)));
  await env.attempt(p.sendto(fd, text('x'), 0, family.loopback(0)));
  await env.attempt(p.sendto(fd, text('x'), 0, family.elsewhere(PORT)));
  await env.attempt(p.recv(fd, room(4), MSG.DONTWAIT));
  await state(p, fd);
  if (family === INET) {
    // Broadcast needs permission; AF_UNSPEC counts as AF_INET here.
    await env.attempt(p.sendto(fd, text('x'), 0, in4('255.255.255.255', PORT)));
    await env.attempt(p.sendto(fd, text('x'), 0, in4('127.255.255.255', PORT)));
    await env.attempt(p.connect(fd, in4('127.255.255.255', PORT)));
    await p.setsockopt(fd, SOL.SOCKET, SO.BROADCAST, ints(1));
    await env.attempt(p.sendto(fd, text('x'), 0, in4('255.255.255.255', PORT)));
    await env.attempt(p.sendto(fd, text('x'), 0, in4('127.255.255.255', PORT)));
    await env.attempt(p.sendto(fd, text('x'), 0, in4('127.0.0.1', PORT, 0)));
  } else {
    await env.attempt(p.sendto(fd, text('x'), 0, in6('fe80::1', PORT)));
    await env.attempt(p.sendto(fd, text('x'), 0, in6('ff02::1', PORT)));
    await env.attempt(p.sendto(fd, text('x'), 0, in4('127.0.0.1', PORT, 0)));
  }
}));

const refused = ALL_FAMILIES.map((family) => program(`datagram-refused-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await dgram(p, family);
  await p.connect(fd, family.loopback(PORT));
  await p.send(fd, text('anyone?'), 0);
  await env.settle();
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await state(p, fd);
  await p.send(fd, text('again'), 0);
  await env.settle();
  await env.attempt(p.recv(fd, room(4), 0));
  await p.send(fd, text('once more'), 0);
  await env.settle();
  await env.attempt(p.send(fd, text('fails'), 0));
  await env.attempt(p.send(fd, text('goes'), 0));
  await env.settle();
  await env.attempt(p.getpeername(fd));
  await env.attempt(p.read(fd, room(4)));
  // A blocked reader is woken by the error.
  const reading = env.begin(p.recvfrom(fd, room(4), 0));
  await env.settle();
  await p.send(fd, text('x'), 0);
  await env.attempt(reading);
  // An unconnected socket does not hear of it.
  const free = await dgram(p, family);
  await p.sendto(free, text('x'), 0, family.loopback(PORT));
  await env.settle();
  await state(p, free);
  await p.getsockopt(free, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.recv(free, room(4), MSG.DONTWAIT));
}));

const connected = ALL_FAMILIES.map((family) => program(`datagram-connected-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.getsockname(a);
  await p.getpeername(a);
  await p.write(a, text('written'));
  await wait(p, b, POLL.IN);
  await p.read(b, room(16));
  // A stranger's datagrams do not come in.
  const stranger = await dgram(p, family);
  await p.sendto(stranger, text('psst'), 0, family.loopback(PORT + 1));
  await env.settle();
  await state(p, b);
  // sendto goes elsewhere without a new association.
  const other = await dgram(p, family);
  await p.bind(other, family.loopback(PORT + 2));
  await env.attempt(p.sendto(a, text('aside'), 0, family.loopback(PORT + 2)));
  await wait(p, other, POLL.IN, 100);
  await env.attempt(p.recvfrom(other, room(16), MSG.DONTWAIT));
  await p.getpeername(a);
  await p.sendto(a, text('peer'), 0, null);
  await wait(p, b, POLL.IN);
  await p.recvfrom(b, room(16), 0);
  // What was queued before connect stays.
  await p.sendto(stranger, text('early'), 0, family.loopback(PORT + 2));
  await env.settle();
  await p.connect(other, family.loopback(PORT));
  await p.recvfrom(other, room(16), 0);
}));

const shutdowns = FAMILIES.map((family) => program(`datagram-shutdown-${family.name}`, async (env) => {
  const p = await env.process();
  const loose = await dgram(p, family);
  for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR, 5]) await env.attempt(p.shutdown(loose, how));
  await state(p, loose);
  const { a, b } = await dgramPair(p, family);
  await p.shutdown(a, SHUT.WR);
  await state(p, a);
  await env.attempt(p.send(a, text('x'), 0));
  await env.attempt(p.sendto(a, text('x'), 0, family.loopback(PORT + 1)));
  await p.send(b, text('still'), 0);
  await wait(p, a, POLL.IN);
  await p.recv(a, room(16), 0);
  await p.shutdown(a, SHUT.RD);
  await state(p, a);
  await p.recv(a, room(16), 0);
  await p.send(b, text('late'), 0);
  await env.settle();
  await state(p, a);
  await env.attempt(p.recv(a, room(16), 0));
  await env.attempt(p.recv(a, room(16), MSG.DONTWAIT));
  // A blocked reader sees the end.
  const reading = env.begin(p.recv(b, room(16), 0));
  await env.settle();
  await p.shutdown(b, SHUT.RDWR);
  await reading;
  await state(p, b);
}));

const wildcard = program('datagram-dual-stack', async (env) => {
  const p = await env.process();
  const server = await dgram(p, INET6);
  await p.bind(server, INET6.any(PORT));
  for (const family of [INET, INET6, MAPPED]) {
    const client = await dgram(p, family);
    await p.sendto(client, text(family.name), 0, family.loopback(PORT));
    await wait(p, server, POLL.IN);
    const { address } = await p.recvfrom(server, room(16), 0);
    await p.sendto(server, text(`to ${family.name}`), 0, address);
    await wait(p, client, POLL.IN);
    await p.recvfrom(client, room(16), 0);
  }
  const only = await dgram(p, INET6);
  await p.setsockopt(only, IPPROTO.IPV6, IPV6.V6ONLY, ints(1));
  await env.attempt(p.sendto(only, text('x'), 0, MAPPED.loopback(PORT)));
  await env.attempt(p.connect(only, MAPPED.loopback(PORT)));
  // To the wildcard address.
  const client = await dgram(p, INET);
  await p.sendto(client, text('to any'), 0, INET.any(PORT));
  await wait(p, server, POLL.IN);
  await p.recvfrom(server, room(16), 0);
  const six = await dgram(p, INET6);
  await p.sendto(six, text('to any'), 0, INET6.any(PORT));
  await wait(p, server, POLL.IN);
  await p.recvfrom(server, room(16), 0);
  // From a chosen address, and to another one of 127/8.
  const bound = await dgram(p, INET);
  await p.bind(bound, in4('127.0.0.9', PORT + 1));
  await p.sendto(bound, text('nine'), 0, in4('127.5.5.5', PORT));
  await wait(p, server, POLL.IN);
  await p.recvfrom(server, room(16), 0);
});

const broadcast = program('datagram-broadcast', async (env) => {
  const p = await env.process();
  const sender = await dgram(p, INET);
  await p.setsockopt(sender, SOL.SOCKET, SO.BROADCAST, ints(1));
  const any = await dgram(p, INET);
  await p.bind(any, INET.any(PORT));
  const group = await dgram(p, INET);
  await p.setsockopt(group, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await env.attempt(p.bind(group, in4('127.255.255.255', PORT)));
  const loopback = await dgram(p, INET);
  await p.bind(loopback, INET.loopback(PORT + 1));
  await p.sendto(sender, text('to all'), 0, in4('127.255.255.255', PORT));
  await p.sendto(sender, text('to all'), 0, in4('127.255.255.255', PORT + 1));
  await env.settle();
  for (const fd of [any, loopback]) await env.attempt(p.recvfrom(fd, room(16), MSG.DONTWAIT));
  // Nobody answers "port unreachable" to a broadcast.
  await p.connect(sender, in4('127.255.255.255', PORT + 2));
  await p.getsockname(sender);
  await p.send(sender, text('x'), 0);
  await env.settle();
  await p.getsockopt(sender, SOL.SOCKET, SO.ERROR, 4);
});

const cork = FAMILIES.map((family) => program(`datagram-cork-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(a, IPPROTO.UDP, UDP_CORK, ints(1));
  await p.getsockopt(a, IPPROTO.UDP, UDP_CORK, 4);
  await p.send(a, text('one '), 0);
  await p.write(a, text('two '));
  await env.settle();
  await state(p, b);
  await p.setsockopt(a, IPPROTO.UDP, UDP_CORK, ints(0));
  await wait(p, b, POLL.IN);
  await p.recvfrom(b, room(64), 0);
  await p.setsockopt(a, IPPROTO.UDP, UDP_CORK, ints(0));
  // What does not fit together is thrown away.
  await p.send(a, pattern(40_000), MSG.MORE);
  await env.attempt(p.send(a, pattern(40_000), 0));
  await env.settle();
  await state(p, b);
  await p.send(a, text('clean'), 0);
  await wait(p, b, POLL.IN);
  await p.recvfrom(b, room(64), 0);
  // read(2) of nothing leaves the datagram, writev(2) of nothing sends none, write(2) of nothing does.
  await p.writev(a, [room(0)]);
  await p.write(a, room(0));
  await env.settle();
  await state(p, b);
  await p.read(b, room(0));
  await p.readv(b, [room(0)]);
  await p.recv(b, room(0), 0);
  await env.attempt(p.recv(b, room(0), MSG.DONTWAIT));
}));

const best = FAMILIES.map((family) => program(`datagram-best-match-${family.name}`, async (env) => {
  const p = await env.process();
  // The most specific socket wins: connected, bound to the address, bound to the wildcard.
  const any = await dgram(p, family);
  const specific = await dgram(p, family);
  const joined = await dgram(p, family);
  for (const fd of [any, specific, joined]) {
    await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
    await p.fcntl(fd, F.SETFL, O.NONBLOCK);
  }
  await p.bind(any, family.any(PORT));
  await p.bind(specific, family.loopback(PORT));
  await p.bind(joined, family.loopback(PORT));
  await p.connect(joined, family.loopback(PORT + 1));
  const friend = await dgram(p, family);
  await p.bind(friend, family.loopback(PORT + 1));
  const stranger = await dgram(p, family);
  await p.sendto(friend, text('friend'), 0, family.loopback(PORT));
  await p.sendto(stranger, text('stranger'), 0, family.loopback(PORT));
  await env.settle();
  for (const fd of [any, specific, joined]) await env.attempt(p.recvfrom(fd, room(16), 0));
  await p.close(specific);
  await p.close(joined);
  await p.sendto(friend, text('left over'), 0, family.loopback(PORT));
  await env.settle();
  await env.attempt(p.recvfrom(any, room(16), 0));
}));

/** An ICMP message: nobody listens on `to`, said of a datagram of 8 bytes that was sent from `from`; both are the loopback's. */
function unreachable(family: Family, from: number, to: number): Uint8Array {
  const address = family === INET ? INET.loopback(0).subarray(4, 8) : INET6.loopback(0).subarray(8, 24);
  const ip = family === INET
    ? [0x45, 0, 0, 36, 0, 1, 0, 0, 64, 17, 0, 0, ...address, ...address] : [0x60, 0, 0, 0, 0, 16, 17, 64, ...address, ...address];
  const udp = [from >> 8, from & 255, to >> 8, to & 255, 0, 16, 0, 0, ...new Uint8Array(8)];
  const message = Uint8Array.from([family === INET ? 3 : 1, family === INET ? 3 : 4, 0, 0, 0, 0, 0, 0, ...ip, ...udp]);
  // ICMPv6's is the kernel's to reckon.
  if (family === INET) new DataView(message.buffer).setUint16(2, finish(sumBytes(message, 0, message.length, 0)));
  return message;
}

/** Several on one port with different peers: who gets what, and who hears of errors (compute_score). A peer's port may be 0. */
const peers = FAMILIES.flatMap((family) => [
  [1, 0], [0, 1], [0, 2], [1, 0, 2], [0, 2, 1], [null, 0], [0, null], [null, 0, 1], [2, 1, 0, null], [null, 1], [1, 2], [null], [0],
].map((order) => program(`datagram-peers-${family.name}-${order.map((peer) => peer ?? 'none').join('-')}`, async (env) => {
  const p = await env.process();
  const fds: number[] = [];
  for (const peer of order) {
    const fd = await dgram(p, family);
    await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
    await p.setsockopt(fd, family === INET ? IPPROTO.IP : IPPROTO.IPV6, family === INET ? IP.RECVERR : IPV6.RECVERR, ints(1));
    await p.bind(fd, family.loopback(PORT));
    if (peer !== null) await p.connect(fd, family.loopback(peer === 0 ? 0 : PORT + peer));
    await p.fcntl(fd, F.SETFL, O.NONBLOCK);
    fds.push(fd);
  }
  const look = async (): Promise<void> => {
    await env.settle();
    for (const fd of fds) {
      await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
      await env.attempt(p.recvfrom(fd, room(16), 0));
    }
  };
  const raw = await p.socket(family.domain, SOCK.RAW, family === INET ? IPPROTO.ICMP : IPPROTO.ICMPV6);
  for (const port of [PORT + 1, PORT + 2, PORT + 3]) {
    const other = await dgram(p, family);
    await p.bind(other, family.loopback(port));
    await p.sendto(other, text('data'), 0, family.loopback(PORT));
    await look();
    await p.sendto(raw, unreachable(family, PORT, port), 0, family.loopback(0));
    await look();
  }
})));

const overflow = program('datagram-receive-buffer', async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, INET);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVBUF, ints(2000));
  await p.getsockopt(b, SOL.SOCKET, SO.RCVBUF, 4);
  for (let i = 0; i < 8; i++) await p.send(a, pattern(1000, i), 0);
  await env.settle();
  // A full buffer drops what comes, silently.
  for (let i = 0; i < 4; i++) {
    if ((await env.attempt(p.recv(b, room(2000), MSG.DONTWAIT))) !== null) break;
  }
});

/** What MSG_MORE and UDP_CORK collect takes room in the send buffer until it goes, or is thrown away. */
const collected = FAMILIES.map((family) => program(`datagram-collected-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(a, IPPROTO.UDP, UDP_CORK, ints(1));
  await p.send(a, text('abc'), 0);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.send(a, text('de'), 0);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await state(p, a);
  await p.setsockopt(a, IPPROTO.UDP, UDP_CORK, ints(0));
  await env.settle();
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.recv(b, room(100), MSG.DONTWAIT);
  for (let i = 0; i < 10; i++) await p.send(a, pattern(100 * i, i), MSG.MORE);
  await p.send(a, text('.'), 0);
  await env.settle();
  await p.recv(b, room(6000), MSG.DONTWAIT);
  await p.send(a, text('gone'), MSG.MORE);
  await p.close(a);
  await env.settle();
  await env.attempt(p.recv(b, room(5), MSG.DONTWAIT));
}));

export const programs: Program[] = [
  ...addressed, ...truncation, ...sizes, ...more, ...unaddressed, ...refused, ...connected, ...shutdowns, wildcard,
  ...best, ...peers, overflow, broadcast, ...cork, ...collected,
];
