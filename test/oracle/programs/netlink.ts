/** AF_NETLINK: sockets, names, options, groups, limits; and what NETLINK_ROUTE answers. */
import { AF, IOCTL, MSG, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { attribute, F, ifaddr, ifinfo, LO, message, ndmsg, nl, rtmsg, T, Talk, u32 } from '../netlink-text.ts';
import { ints, joined, pattern, room, silently, state } from '../toolkit.ts';
import { in4 } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';

const NETLINK = 270;
const ADD_MEMBERSHIP = 1, DROP_MEMBERSHIP = 2, PKTINFO = 3, BROADCAST_ERROR = 4, NO_ENOBUFS = 5, ALL_NSID = 8, LIST_MEMBERSHIPS = 9;
const CAP_ACK = 10, EXT_ACK = 11, STRICT = 12;

const creation = program('netlink-creation', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.STREAM, SOCK.SEQPACKET, SOCK.RDM, 11]) await env.attempt(p.socket(AF.NETLINK, type, 0));
  for (const protocol of [-1, 1, 2, 3, 14, 17, 22, 31, 32, 100]) await env.attempt(p.socket(AF.NETLINK, SOCK.RAW, protocol));
  for (const type of [SOCK.RAW, SOCK.DGRAM]) {
    const fd = await p.socket(AF.NETLINK, type | SOCK.CLOEXEC, 0);
    for (const option of [SO.TYPE, SO.DOMAIN, SO.PROTOCOL, SO.ACCEPTCONN, SO.ERROR, SO.RCVBUF, SO.SNDBUF, SO.PASSCRED, SO.REUSEPORT]) {
      await env.attempt(p.getsockopt(fd, SOL.SOCKET, option, 4));
    }
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, ints(1)));
    await p.getsockname(fd);
    await p.getpeername(fd);
    await env.attempt(p.listen(fd, 1));
    await env.attempt(p.accept(fd));
    for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR]) await env.attempt(p.shutdown(fd, how));
    await state(p, fd);
    await env.attempt(p.recv(fd, room(10), MSG.DONTWAIT));
    await env.attempt(p.recv(fd, room(10), MSG.OOB));
    await env.attempt(p.send(fd, pattern(20), MSG.OOB));
    await env.attempt(p.send(fd, room(0), 0));
    await env.attempt(p.sendto(fd, room(0), 0, nl(0)));
    for (const request of [IOCTL.FIONREAD, IOCTL.SIOCOUTQ, IOCTL.SIOCATMARK]) await env.attempt(p.ioctl(fd, request));
    await p.close(fd);
  }
  await env.attempt(p.socketpair(AF.NETLINK, SOCK.RAW, 0));
});

const binding = program('netlink-binding', async (env) => {
  const p = await env.process();
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await env.attempt(p.bind(fd, nl(77, 0, AF.INET)));
  await env.attempt(p.bind(fd, nl(77, 0, AF.NETLINK, 11)));
  await env.attempt(p.bind(fd, in4('127.0.0.1', 1)));
  await p.bind(fd, nl(77, 0, AF.NETLINK, 20));
  await p.getsockname(fd);
  await env.attempt(p.bind(fd, nl(78)));
  await env.attempt(p.bind(fd, nl(0)));
  await p.bind(fd, nl(77, 0x11));
  await p.getsockname(fd);
  await p.bind(fd, nl(77, 0xffffffff));
  await p.getsockname(fd);
  await p.bind(fd, nl(77));
  await p.getsockname(fd);
  const other = await p.socket(AF.NETLINK, SOCK.DGRAM, 0);
  await env.attempt(p.bind(other, nl(77)));
  await env.attempt(p.bind(other, nl(77, 1)));
  await p.getsockname(other);
  await env.attempt(p.bind(other, nl(78)));
  await p.close(fd);
  await env.attempt(p.bind(other, nl(77, 1)));
  await p.bind(other, nl(78, 1));
  await p.getsockname(other);
  await p.close(other);
  // Who binds nothing gets the number of his process, the next one another.
  const first = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const second = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const quiet = silently(p);
  await p.bind(first, nl(0));
  await p.bind(second, nl(0, 3));
  const portOf = async (one: number): Promise<number> => new DataView((await quiet.getsockname(one)).buffer).getInt32(4, true);
  env.note('the first has the process number', (await portOf(first)) === env.pidOf(p));
  env.note('the second a negative one', (await portOf(second)) < -4096);
});

const connecting = program('netlink-connecting', async (env) => {
  const p = await env.process();
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(fd, nl(501));
  await env.attempt(p.connect(fd, room(1)));
  await env.attempt(p.connect(fd, nl(5, 0, AF.INET)));
  await env.attempt(p.connect(fd, nl(5, 0, AF.NETLINK, 11)));
  await p.connect(fd, nl(502, 0x30));
  await p.getpeername(fd);
  await env.attempt(p.send(fd, pattern(10), 0));
  await p.connect(fd, nl(502));
  await env.attempt(p.send(fd, pattern(10), 0));
  const other = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(other, nl(502));
  await p.send(fd, pattern(10), 0);
  await p.recvmsg(other, [room(20)], MSG.DONTWAIT, 32, 64);
  // One that is connected hears only of its peer, and of the kernel.
  await p.connect(other, nl(503));
  await env.attempt(p.send(fd, pattern(10), 0));
  await p.connect(other, nl(501));
  await p.send(fd, pattern(12), 0);
  await p.recvmsg(other, [room(5)], MSG.DONTWAIT, 32, 64);
  await p.connect(fd, room(2));
  await p.getpeername(fd);
  await env.attempt(p.sendto(fd, pattern(10), 0, nl(502, 0, AF.INET)));
  await env.attempt(p.sendto(fd, pattern(10), 0, nl(502, 0, AF.NETLINK, 11)));
  await env.attempt(p.sendto(fd, pattern(10), 0, nl(999)));
  await p.sendto(fd, pattern(10), 0, nl(501));
  await p.recvfrom(fd, room(20), MSG.DONTWAIT);
  await p.close(other);
  await env.attempt(p.sendto(fd, pattern(10), 0, nl(502)));
});

const options = program('netlink-options', async (env) => {
  const p = await env.process();
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const all = [0, ADD_MEMBERSHIP, DROP_MEMBERSHIP, PKTINFO, BROADCAST_ERROR, NO_ENOBUFS, 6, 7, ALL_NSID, LIST_MEMBERSHIPS, CAP_ACK, EXT_ACK, STRICT, 13];
  for (const option of all) {
    for (const length of [0, 3, 4, 8]) await env.attempt(p.getsockopt(fd, NETLINK, option, length));
    await env.attempt(p.setsockopt(fd, NETLINK, option, ints(1)));
    await env.attempt(p.setsockopt(fd, NETLINK, option, room(2)));
    await env.attempt(p.setsockopt(fd, NETLINK, option, ints(7)));
    await env.attempt(p.getsockopt(fd, NETLINK, option, 4));
  }
  for (const group of [-1, 0, 1, 5, 32, 33, 38, 39, 40, 64, 1000]) await env.attempt(p.setsockopt(fd, NETLINK, ADD_MEMBERSHIP, ints(group)));
  await p.getsockname(fd);
  await env.attempt(p.getsockopt(fd, NETLINK, LIST_MEMBERSHIPS, 8));
  await env.attempt(p.getsockopt(fd, NETLINK, LIST_MEMBERSHIPS, 5));
  for (const group of [1, 33, 40]) await env.attempt(p.setsockopt(fd, NETLINK, DROP_MEMBERSHIP, ints(group)));
  await env.attempt(p.getsockopt(fd, NETLINK, LIST_MEMBERSHIPS, 8));
  for (const level of [0, 1, 6, 269, 271]) {
    await env.attempt(p.getsockopt(fd, level, 99, 4));
    await env.attempt(p.setsockopt(fd, level, 99, ints(1)));
  }
  await p.setsockopt(fd, SOL.SOCKET, SO.PASSCRED, ints(1));
  await p.getsockopt(fd, SOL.SOCKET, SO.PASSCRED, 4);
});

const strangers = program('netlink-permissions', async (env) => {
  const p = await env.signalProcess();
  const mine = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(mine, nl(900));
  await p.setresuid(1000, 1000, 1000);
  const talk = await Talk.open(env, p, 901);
  const { fd } = talk;
  await env.attempt(p.connect(fd, nl(900)));
  await env.attempt(p.connect(fd, nl(0, 1)));
  await p.connect(fd, nl(0));
  await env.attempt(p.sendto(fd, pattern(20), 0, nl(900)));
  await env.attempt(p.sendto(fd, pattern(20), 0, nl(0, 4)));
  await p.setsockopt(fd, NETLINK, ADD_MEMBERSHIP, ints(5));
  await env.attempt(p.setsockopt(fd, NETLINK, ALL_NSID, ints(1)));
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, ints(5000)));
  await talk.ask('a dump', T.GETADDR, F.REQUEST | F.DUMP, ifaddr(AF.INET, 0, 0));
  await talk.ask('a question', T.GETLINK, F.REQUEST, ifinfo(LO));
  for (const type of [T.NEWLINK, T.DELLINK, T.SETLINK, T.NEWADDR, T.DELADDR, T.NEWROUTE, T.DELROUTE, T.NEWNEIGH, T.DELNEIGH, 23, 27, 36, 121]) {
    await talk.ask(`type ${type}`, type, F.REQUEST, ifaddr(AF.INET, 8, LO), room(8));
  }
});

const dumps = program('netlink-dumps', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const kinds: readonly (readonly [string, number, number])[] = [['links', T.GETLINK, 16], ['addresses', T.GETADDR, 8], ['routes', T.GETROUTE, 12], ['neighbours', T.GETNEIGH, 12]];
  for (const [name, type, length] of kinds) {
    for (const family of [0, AF.INET, AF.INET6, 7, 9]) {
      if (name === 'links' && family === AF.INET6) continue;
      await talk.ask(`${name} of family ${family}`, type, F.REQUEST | F.DUMP, Uint8Array.of(family), room(length - 1));
    }
    await talk.ask(`${name}, with ACK`, type, F.REQUEST | F.DUMP | F.ACK, Uint8Array.of(AF.INET), room(length - 1));
    await talk.ask(`${name}, half of NLM_F_DUMP`, type, F.REQUEST | F.ROOT, Uint8Array.of(AF.INET), room(length - 1));
    await talk.ask(`${name}, short`, type, F.REQUEST | F.DUMP, Uint8Array.of(AF.INET));
    await talk.ask(`${name}, no body`, type, F.REQUEST | F.DUMP | F.ACK);
    await talk.ask(`${name}, no request`, type, F.DUMP, Uint8Array.of(AF.INET), room(length - 1));
  }
  await talk.ask('cached routes', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET, flags: 0x200 }));
  await talk.ask('routes of a table', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET, table: 254 }));
  for (const type of [83, 122]) await talk.ask(`type ${type}`, type, F.REQUEST | F.DUMP | F.ACK, room(20));
  // Two dumps in one datagram: the second has to wait for the end of the first.
  const one = message(T.GETADDR, F.REQUEST | F.DUMP, 71, ifaddr(AF.INET, 0, 0));
  await talk.send('two at once', joined(one, message(T.GETLINK, F.REQUEST | F.DUMP, 72, ifinfo(0))));
  await talk.send('a question behind', joined(one, message(T.GETLINK, F.REQUEST | F.ACK, 73, ifinfo(LO))));
});

const strict = program('netlink-strict', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400, [EXT_ACK, STRICT]);
  const dump = F.REQUEST | F.DUMP;
  for (const table of [0, 253, 254, 255, 77]) {
    await talk.ask(`table ${table}`, T.GETROUTE, dump, rtmsg({ family: AF.INET, table }));
    await talk.ask(`table ${table}, any family`, T.GETROUTE, dump, rtmsg({ family: 0, table }));
    await talk.ask(`table ${table} as attribute`, T.GETROUTE, dump, rtmsg({ family: AF.INET6 }), attribute(15, u32(table)));
  }
  await talk.ask('protocol', T.GETROUTE, dump, rtmsg({ family: AF.INET, protocol: 3 }));
  await talk.ask('type', T.GETROUTE, dump, rtmsg({ family: AF.INET, type: 3 }));
  await talk.ask('device', T.GETROUTE, dump, rtmsg({ family: AF.INET }), attribute(4, u32(LO)));
  await talk.ask('no device', T.GETROUTE, dump, rtmsg({ family: AF.INET }), attribute(4, u32(99)));
  await talk.ask('scope', T.GETROUTE, dump, rtmsg({ family: AF.INET, scope: 3 }));
  await talk.ask('length', T.GETROUTE, dump, rtmsg({ family: AF.INET, length: 3 }));
  await talk.ask('short routes', T.GETROUTE, dump, Uint8Array.of(AF.INET));
  await talk.ask('addresses of a device', T.GETADDR, dump, ifaddr(AF.INET, 0, LO));
  await talk.ask('addresses of no device', T.GETADDR, dump, ifaddr(AF.INET, 0, 99));
  await talk.ask('short addresses', T.GETADDR, dump, Uint8Array.of(AF.INET));
  await talk.ask('links', T.GETLINK, dump, ifinfo(0));
  await talk.ask('neighbours', T.GETNEIGH, dump, ndmsg(AF.INET, 0, 0));
});

const framing = program('netlink-framing', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const question = (length?: number): Uint8Array => message(T.GETLINK, F.REQUEST | F.ACK, 5, ifinfo(99), length);
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 100, 0xffffffff]) await talk.send(`length ${length}`, question(length));
  for (const cut of [1, 15, 16, 20, 31]) await talk.send(`${cut} bytes`, question().subarray(0, cut));
  await talk.send('two', joined(question(), question()));
  await talk.send('two, the first too long', joined(question(64), question()));
  await talk.send('two, the second cut', joined(question(), question().subarray(0, 20)));
  for (const type of [0, 1, 2, 3, 4, 15]) await talk.ask(`type ${type}`, type, F.REQUEST | F.ACK, room(4));
  for (const type of [31, 122, 124, 200, 65535]) await talk.ask(`type ${type}`, type, F.REQUEST | F.ACK, room(40));
  await talk.ask('without NLM_F_REQUEST', T.GETLINK, F.ACK, ifinfo(LO));
  await talk.ask('without either', T.GETLINK, 0, ifinfo(LO));
  await p.setsockopt(talk.fd, NETLINK, CAP_ACK, ints(1));
  await talk.send('capped', question());
  await p.setsockopt(talk.fd, NETLINK, EXT_ACK, ints(0));
  await talk.ask('without words', T.NEWADDR, F.REQUEST | F.ACK, ifaddr(AF.INET, 33, LO), attribute(2, u32(0x0100007f)));
  // Attributes with wrong lengths end what is read.
  for (const length of [0, 3, 4, 5, 9, 100]) {
    await talk.ask(`an attribute of ${length}`, T.GETLINK, F.REQUEST, ifinfo(0), attribute(3, Uint8Array.of(0x6c, 0x6f, 0), length));
  }
});

const bulk = program('netlink-bulk', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 450);
  for (const words of [1, 0]) {
    await p.setsockopt(talk.fd, NETLINK, EXT_ACK, ints(words));
    for (const flags of [F.EXCL, F.EXCL | F.CREATE, F.CREATE]) {
      for (const family of [AF.INET, AF.INET6, 0, 99]) {
        await talk.ask(`an address of ${family}`, T.DELADDR, F.REQUEST | F.ACK | flags, ifaddr(family, 32, 77));
        await talk.ask(`a route of ${family}`, T.DELROUTE, F.REQUEST | F.ACK | flags, rtmsg({ family, length: 24, table: 254 }));
        await talk.ask(`a neighbour of ${family}`, T.DELNEIGH, F.REQUEST | F.ACK | flags, ndmsg(family, 77, 2));
      }
      await talk.ask('a link', T.DELLINK, F.REQUEST | F.ACK | flags, ifinfo(77));
    }
  }
});

export const programs: readonly Program[] = [creation, binding, connecting, options, strangers, dumps, strict, framing, bulk];
