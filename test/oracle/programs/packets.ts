/** AF_PACKET on loopback: who sees what, addresses, filters, limits, errors. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { Code, type Instruction } from '../../../src/bpf/instruction.ts';
import { filterBytes } from '../../../src/socket/socket-filter.ts';
import { AF, ETH_P, IOCTL, IP, IPPROTO, MSG, PACKET, PACKET_MR, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { hex, in4 } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { dgram, INET, ints, pattern, POLL, PORT, room, silently, state, text, wait } from '../toolkit.ts';

/** A protocol that nobody speaks (IEEE's "local experimental"). */
const EXPERIMENTAL = 0x88b5;
const LO = 1;
/** SO_ATTACH_FILTER and its kin share numbers with what reads them. */
const LL_LEN = 20;

function swapped(protocol: number): number {
  return ((protocol & 0xff) << 8) | (protocol >> 8);
}

/** `struct sockaddr_ll`, written apart from the project's own. */
function ll(protocol: number, index: number, address: readonly number[] = [], family: number = AF.PACKET, length = LL_LEN): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, LL_LEN));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, protocol);
  view.setInt32(4, index, true);
  view.setUint8(11, address.length);
  bytes.set(address, 12);
  return bytes.subarray(0, length);
}

/** An Ethernet frame. */
function frame(to: readonly number[], protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + payload.length);
  bytes.set(to);
  bytes.set([2, 0, 0, 0, 0, 9], 6);
  new DataView(bytes.buffer).setUint16(12, protocol);
  bytes.set(payload, 14);
  return bytes;
}

const HERE = [0, 0, 0, 0, 0, 0], ALL = [255, 255, 255, 255, 255, 255], GROUP = [1, 0, 0x5e, 1, 2, 3], OTHER = [2, 0, 0, 0, 0, 1];

function packet(p: Syscalls, type: number, protocol: number): Promise<number> {
  return p.socket(AF.PACKET, type, swapped(protocol));
}

async function bound(p: Syscalls, type: number, protocol: number): Promise<number> {
  const fd = await packet(p, type, 0);
  await p.bind(fd, ll(protocol, LO));
  return fd;
}

async function readAll(env: Parameters<Program['run']>[0], p: Syscalls, fd: number, most = 20): Promise<void> {
  for (let i = 0; i < most; i++) {
    if ((await env.attempt(p.recvmsg(fd, [room(2000)], MSG.DONTWAIT, 128, 128))) !== null) return;
  }
}

const creation = program('packet-creation', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.STREAM, SOCK.SEQPACKET, SOCK.RDM, 11]) await env.attempt(p.socket(AF.PACKET, type, 0));
  for (const type of [SOCK.RAW, SOCK.DGRAM]) {
    const fd = await p.socket(AF.PACKET, type | SOCK.CLOEXEC, 0);
    for (const option of [SO.TYPE, SO.DOMAIN, SO.PROTOCOL, SO.ACCEPTCONN, SO.ERROR, SO.RCVBUF, SO.SNDBUF, SO.LOCK_FILTER, SO.REUSEPORT]) {
      await env.attempt(p.getsockopt(fd, SOL.SOCKET, option, 4));
    }
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, ints(1)));
    await p.getsockname(fd);
    await env.attempt(p.getpeername(fd));
    await env.attempt(p.connect(fd, ll(ETH_P.IP, LO)));
    await env.attempt(p.listen(fd, 1));
    await env.attempt(p.accept(fd));
    await env.attempt(p.shutdown(fd, SHUT.RDWR));
    await state(p, fd);
    await env.attempt(p.recv(fd, room(10), MSG.DONTWAIT));
    await env.attempt(p.recv(fd, room(10), MSG.OOB));
    await env.attempt(p.recv(fd, room(10), MSG.WAITALL));
    await env.attempt(p.recv(fd, room(10), MSG.ERRQUEUE));
    await env.attempt(p.ioctl(fd, IOCTL.FIONREAD));
    await env.attempt(p.ioctl(fd, IOCTL.SIOCOUTQ));
    await env.attempt(p.ioctl(fd, IOCTL.SIOCATMARK));
    await p.close(fd);
  }
  await env.attempt(p.socketpair(AF.PACKET, SOCK.RAW, 0));
  const wide = await p.socket(AF.PACKET, SOCK.RAW, 0x12340608);
  await p.getsockname(wide);
});

const binding = program('packet-binding', async (env) => {
  const p = await env.process();
  const fd = await packet(p, SOCK.RAW, ETH_P.ARP);
  await p.getsockname(fd);
  await p.bind(fd, ll(0, LO));
  await p.getsockname(fd);
  await p.bind(fd, ll(ETH_P.IP, LO));
  await p.bind(fd, ll(ETH_P.IP, LO));
  await p.getsockname(fd);
  await p.bind(fd, ll(EXPERIMENTAL, 0));
  await p.getsockname(fd);
  await env.attempt(p.bind(fd, ll(ETH_P.IP, 77)));
  await env.attempt(p.bind(fd, ll(ETH_P.IP, -3)));
  await p.getsockname(fd);
  await env.attempt(p.bind(fd, ll(ETH_P.IP, LO, [], AF.INET)));
  await env.attempt(p.bind(fd, ll(ETH_P.IP, LO, [], AF.PACKET, 19)));
  await env.attempt(p.bind(fd, ll(ETH_P.IP, LO, [], AF.PACKET, 30)));
  await env.attempt(p.bind(fd, in4('127.0.0.1', 1)));
  await p.getsockname(fd);
});

const kinds = [SOCK.RAW, SOCK.DGRAM].map((type) => program(`packet-kinds-${type === SOCK.RAW ? 'raw' : 'dgram'}`, async (env) => {
  const p = await env.process();
  const all = await bound(p, type, ETH_P.ALL);
  await p.setsockopt(all, SOL.PACKET, PACKET.AUXDATA, ints(1));
  const one = await bound(p, type, EXPERIMENTAL);
  const none = await bound(p, type, ETH_P.ARP);
  const sender = await packet(p, SOCK.RAW, 0);
  for (const to of [HERE, ALL, GROUP, OTHER]) await p.sendto(sender, frame(to, EXPERIMENTAL, pattern(40)), 0, ll(EXPERIMENTAL, LO));
  // The address's protocol counts for what leaves, the frame's for what arrives.
  await p.sendto(sender, frame(HERE, EXPERIMENTAL, pattern(20)), 0, ll(0, LO));
  await p.sendto(sender, frame(HERE, EXPERIMENTAL, pattern(20)), 0, ll(0x1234, LO));
  // Lengths in place of a protocol, and VLAN tags.
  await p.sendto(sender, frame(HERE, 20, pattern(20)), 0, ll(ETH_P.ETH_802_2, LO));
  await p.sendto(sender, frame(HERE, 4, Uint8Array.of(255, 255, 1, 2)), 0, ll(ETH_P.ETH_802_3, LO));
  await p.sendto(sender, frame(HERE, ETH_P.VLAN, Uint8Array.of(0x20, 7, 0x88, 0xb5, 1, 2, 3, 4)), 0, ll(ETH_P.VLAN, LO));
  await p.sendto(sender, frame(HERE, EXPERIMENTAL, room(0)), 0, ll(EXPERIMENTAL, LO));
  await env.settle();
  await state(p, all);
  await p.ioctl(all, IOCTL.FIONREAD);
  for (const fd of [all, one, none]) {
    await readAll(env, p, fd);
    await p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, 8);
  }
}));

const datagrams = program('packet-sending', async (env) => {
  const p = await env.process();
  const all = await bound(p, SOCK.RAW, ETH_P.ALL);
  const dgrams = await packet(p, SOCK.DGRAM, 0);
  await p.sendto(dgrams, text('to a host'), 0, ll(EXPERIMENTAL, LO, OTHER));
  await p.sendto(dgrams, text('short address'), 0, ll(EXPERIMENTAL, LO, [1, 2, 3]));
  await p.sendto(dgrams, text('802.3'), 0, ll(ETH_P.ETH_802_3, LO));
  await p.sendto(dgrams, room(0), 0, ll(EXPERIMENTAL, LO));
  await env.attempt(p.send(dgrams, text('nowhere'), 0));
  await env.attempt(p.sendto(dgrams, text('x'), 0, ll(EXPERIMENTAL, 77)));
  await env.attempt(p.sendto(dgrams, text('x'), 0, ll(EXPERIMENTAL, LO, [], AF.PACKET, 19)));
  await env.attempt(p.sendto(dgrams, text('x'), 0, ll(EXPERIMENTAL, LO, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], AF.PACKET, 22).subarray(0, 20)));
  await env.attempt(p.sendto(dgrams, text('family'), 0, ll(EXPERIMENTAL, LO, [], AF.INET)));
  await p.bind(dgrams, ll(EXPERIMENTAL, LO));
  await p.send(dgrams, text('by its name'), 0);
  await p.write(dgrams, text('written'));
  const raw = await packet(p, SOCK.RAW, 0);
  for (const length of [0, 13]) await env.attempt(p.sendto(raw, pattern(length), 0, ll(EXPERIMENTAL, LO)));
  await env.attempt(p.send(raw, frame(HERE, EXPERIMENTAL, text('nowhere')), 0));
  await p.bind(raw, ll(0, LO));
  await p.send(raw, frame(HERE, EXPERIMENTAL, text('bound for sending alone')), 0);
  await p.sendmsg(raw, { name: ll(EXPERIMENTAL, LO), iov: [frame(HERE, EXPERIMENTAL, text('in ')), text('parts')] }, 0);
  await p.sendto(raw, frame(HERE, EXPERIMENTAL, text('oob')), MSG.OOB, ll(EXPERIMENTAL, LO));
  for (const length of [65_536, 65_537]) {
    await env.attempt(p.sendto(raw, frame(HERE, EXPERIMENTAL, pattern(length)), 0, ll(EXPERIMENTAL, LO)));
    await env.attempt(p.sendto(dgrams, pattern(length), 0, ll(EXPERIMENTAL, LO)));
  }
  await env.settle();
  await readAll(env, p, all, 30);
  await p.ioctl(raw, IOCTL.SIOCOUTQ);
});

const ownFrames = program('packet-own-frames', async (env) => {
  const p = await env.process();
  const one = await bound(p, SOCK.RAW, ETH_P.ALL);
  const other = await bound(p, SOCK.RAW, ETH_P.ALL);
  await p.setsockopt(other, SOL.PACKET, PACKET.IGNORE_OUTGOING, ints(1));
  await p.send(one, frame(HERE, EXPERIMENTAL, text('mine')), 0);
  await p.send(other, frame(HERE, EXPERIMENTAL, text('yours')), 0);
  await env.settle();
  await readAll(env, p, one);
  await readAll(env, p, other);
});

const udp = program('packet-udp', async (env) => {
  const p = await env.process();
  const raw = await bound(p, SOCK.RAW, ETH_P.ALL);
  const cooked = await bound(p, SOCK.DGRAM, ETH_P.IP);
  for (const fd of [raw, cooked]) await p.setsockopt(fd, SOL.PACKET, PACKET.AUXDATA, ints(1));
  const server = await dgram(p, INET);
  await p.bind(server, INET.loopback(PORT));
  const client = await dgram(p, INET);
  await p.bind(client, INET.loopback(PORT + 1));
  await p.setsockopt(client, IPPROTO.IP, IP.MTU_DISCOVER, ints(2));
  await p.sendto(client, text('a datagram'), 0, INET.loopback(PORT));
  await env.settle();
  for (const [fd, ip] of [[raw, 14], [raw, 14], [cooked, 0]] as const) {
    const bytes = room(100);
    const { count, name, control } = await silently(p).recvmsg(fd, [bytes], MSG.DONTWAIT, 128, 128);
    // Each kernel numbers packets in its own way, and the header's checksum follows.
    for (const at of [4, 5, 10, 11]) bytes[ip + at] = 0;
    env.note('frame', hex(bytes.subarray(0, count)));
    env.note('address', hex(name));
    env.note('control data', hex(control));
  }
  // Nobody reads there: an answer from ICMP.
  await p.sendto(client, text('for nobody'), 0, INET.loopback(PORT + 2));
  await env.settle();
  const silent = silently(p);
  let frames = 0;
  for (; frames < 10; frames++) {
    try {
      await silent.recv(raw, room(2000), MSG.DONTWAIT);
    } catch {
      break;
    }
  }
  env.note('frames with their answers', frames);
});

const truncation = program('packet-truncation', async (env) => {
  const p = await env.process();
  const fd = await bound(p, SOCK.RAW, EXPERIMENTAL);
  const send = (): Promise<number> => p.send(fd, frame(HERE, EXPERIMENTAL, pattern(100)), 0);
  await send();
  await wait(p, fd, POLL.IN);
  await p.recv(fd, room(20), MSG.PEEK);
  await p.recv(fd, room(20), MSG.PEEK | MSG.TRUNC);
  await p.recvmsg(fd, [room(10), room(10)], MSG.PEEK, 20, 0);
  await p.recvmsg(fd, [room(10), room(10)], MSG.TRUNC, 8, 0);
  await send();
  await wait(p, fd, POLL.IN);
  await p.setsockopt(fd, SOL.PACKET, PACKET.AUXDATA, ints(1));
  await p.recvmsg(fd, [room(200)], MSG.PEEK, 0, 0);
  for (const control of [8, 16, 20, 24, 36, 40]) {
    // On Linux, who has peeked at the address finds it where the length was.
    await p.recv(fd, room(200), 0);
    await send();
    await wait(p, fd, POLL.IN);
    await p.recvmsg(fd, [room(200)], MSG.PEEK, 20, control);
  }
  await p.read(fd, room(50));
  await env.attempt(p.recv(fd, room(10), MSG.DONTWAIT));
});

const RETURN_ALL: readonly Instruction[] = [{ code: Code.Return, jt: 0, jf: 0, k: 0xffffffff }];
const keep = (k: number): Instruction[] => [{ code: Code.Return, jt: 0, jf: 0, k }];
/** Frames whose half word at `at` is `value`, `length` bytes of them. */
function halfIs(at: number, value: number, length = 0xffff): Instruction[] {
  return [
    { code: Code.LoadHalf, jt: 0, jf: 0, k: at >>> 0 }, { code: Code.JumpEqual, jt: 0, jf: 1, k: value },
    { code: Code.Return, jt: 0, jf: 0, k: length }, { code: Code.Return, jt: 0, jf: 0, k: 0 },
  ];
}

const filters = program('packet-filters', async (env) => {
  const p = await env.process();
  const sender = await packet(p, SOCK.RAW, 0);
  const attach = (fd: number, code: readonly Instruction[]): Promise<string | null> => (
    env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.ATTACH_FILTER, filterBytes(code)))
  );
  const raw = await bound(p, SOCK.RAW, ETH_P.ALL);
  const cooked = await bound(p, SOCK.DGRAM, ETH_P.ALL);
  const AD = -0x1000, NET = -0x100000, LINK = -0x200000;
  const programs = [
    halfIs(12, EXPERIMENTAL, 30), halfIs(0, 0x0102), halfIs(14, 0x0102), halfIs(AD, EXPERIMENTAL), halfIs(AD + 4, 4), halfIs(AD + 4, 0),
    halfIs(AD + 8, LO), halfIs(AD + 28, 772), halfIs(NET, 0x0102), halfIs(LINK + 12, EXPERIMENTAL), halfIs(500, 0), keep(3), keep(0),
    RETURN_ALL,
  ];
  for (const code of programs) {
    await attach(raw, code);
    await attach(cooked, code);
    await p.sendto(sender, frame(HERE, EXPERIMENTAL, Uint8Array.from({ length: 17 }, (_, i) => i + 1)), 0, ll(EXPERIMENTAL, LO));
    await env.settle();
    for (const fd of [raw, cooked]) {
      await readAll(env, p, fd);
      await p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, 8);
    }
  }
  await p.setsockopt(raw, SOL.SOCKET, SO.DETACH_FILTER, ints(0));
  await env.attempt(p.setsockopt(raw, SOL.SOCKET, SO.DETACH_FILTER, ints(0)));
  await attach(raw, [{ code: Code.LoadHalf, jt: 0, jf: 0, k: 12 }]);
  await attach(raw, [{ code: 0x99, jt: 0, jf: 0, k: 12 }, ...RETURN_ALL]);
  await attach(raw, []);
  await attach(raw, RETURN_ALL);
  await p.setsockopt(raw, SOL.SOCKET, SO.LOCK_FILTER, ints(0));
  await p.setsockopt(raw, SOL.SOCKET, SO.LOCK_FILTER, ints(1));
  await p.getsockopt(raw, SOL.SOCKET, SO.LOCK_FILTER, 4);
  await env.attempt(p.setsockopt(raw, SOL.SOCKET, SO.LOCK_FILTER, ints(0)));
  await p.setsockopt(raw, SOL.SOCKET, SO.LOCK_FILTER, ints(2));
  await attach(raw, RETURN_ALL);
  await env.attempt(p.setsockopt(raw, SOL.SOCKET, SO.DETACH_FILTER, ints(0)));
});

const limits = program('packet-limits', async (env) => {
  const p = await env.process();
  for (const size of [30, 100, 300, 1000, 4000, 20_000]) {
    const fd = await bound(p, SOCK.RAW, EXPERIMENTAL);
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(20_000));
    const sender = await packet(p, SOCK.RAW, 0);
    for (let i = 0; i < 60; i++) {
      await silently(p).sendto(sender, frame(HERE, EXPERIMENTAL, pattern(size)), 0, ll(EXPERIMENTAL, LO));
      if (i % 10 === 9) await env.settle(1);
    }
    await env.settle();
    await p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, 8);
    await p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, 8);
    await p.close(fd);
  }
});

const options = program('packet-options', async (env) => {
  const p = await env.process();
  const fd = await packet(p, SOCK.RAW, 0);
  const mreq = (index: number, type: number, address: readonly number[], length = 16): Uint8Array => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, index, true);
    view.setUint16(4, type, true);
    view.setUint16(6, address.length, true);
    bytes.set(address.slice(0, 8), 8);
    return bytes.subarray(0, length);
  };
  const set = (option: number, value: Uint8Array): Promise<string | null> => env.attempt(p.setsockopt(fd, SOL.PACKET, option, value));
  for (const option of [PACKET.AUXDATA, PACKET.ORIGDEV, PACKET.IGNORE_OUTGOING, PACKET.VERSION, PACKET.COPY_THRESH]) {
    for (const value of [ints(1), ints(2), ints(-1), ints(3), ints(0), ints(1, 2), room(1), room(0)]) await set(option, value);
    for (const length of [4, 2, 8, 0]) await env.attempt(p.getsockopt(fd, SOL.PACKET, option, length));
  }
  for (const length of [8, 4, 12]) await env.attempt(p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, length));
  for (const option of [PACKET.ADD_MEMBERSHIP, PACKET.DROP_MEMBERSHIP]) await env.attempt(p.getsockopt(fd, SOL.PACKET, option, 16));
  await env.attempt(p.getsockopt(fd, SOL.IP, IP.TTL, 4));
  await env.attempt(p.setsockopt(fd, SOL.IP, IP.TTL, ints(1)));
  await env.attempt(p.getsockopt(fd, SOL.PACKET, 99, 4));
  await set(99, ints(1));
  await set(PACKET.STATISTICS, ints(1));
  for (const option of [PACKET.ADD_MEMBERSHIP, PACKET.DROP_MEMBERSHIP]) {
    await set(option, mreq(LO, PACKET_MR.PROMISC, []));
    await set(option, mreq(LO, PACKET_MR.PROMISC, []));
    await set(option, mreq(LO, PACKET_MR.ALLMULTI, []));
    await set(option, mreq(LO, PACKET_MR.MULTICAST, GROUP));
    await set(option, mreq(LO, PACKET_MR.MULTICAST, [1, 2]));
    await set(option, mreq(LO, PACKET_MR.UNICAST, OTHER));
    await set(option, mreq(LO, 9, []));
    await set(option, mreq(77, PACKET_MR.PROMISC, []));
    await set(option, mreq(LO, PACKET_MR.MULTICAST, [1, 2, 3, 4, 5, 6, 7]));
    await set(option, mreq(LO, PACKET_MR.MULTICAST, [1, 2, 3, 4, 5, 6, 7, 8, 9]));
    await set(option, mreq(LO, PACKET_MR.PROMISC, [], 15));
  }
  await set(PACKET.DROP_MEMBERSHIP, mreq(LO, PACKET_MR.PROMISC, []));
});

/** What SOL_SOCKET's options tell of frames: times, losses, marks and priorities, in this order before PACKET_AUXDATA. */
const told = program('packet-told', async (env) => {
  const p = await env.process();
  const sender = await packet(p, SOCK.RAW, 0);
  const send = (size: number): Promise<number> => p.sendto(sender, frame(HERE, EXPERIMENTAL, pattern(size)), 0, ll(EXPERIMENTAL, LO));
  const fd = await bound(p, SOCK.DGRAM, EXPERIMENTAL);
  const set = (option: number, value: number, of = fd): Promise<string | null> => env.attempt(p.setsockopt(of, SOL.SOCKET, option, ints(value)));
  const times = [SO.TIMESTAMP, SO.TIMESTAMPNS, SO.TIMESTAMP_NEW, SO.TIMESTAMPNS_NEW];
  await send(5);
  await env.settle();
  for (const option of times) {
    await set(option, 1);
    for (const each of times) await p.getsockopt(fd, SOL.SOCKET, each, 4);
    await send(5);
    await env.settle();
    await p.recvmsg(fd, [room(100)], MSG.DONTWAIT, 20, 200);
  }
  await p.recvmsg(fd, [room(100)], MSG.DONTWAIT, 20, 0);
  await set(SO.MARK, 7, sender);
  await set(SO.PRIORITY, 3, sender);
  for (const option of [SO.RCVMARK, SO.RCVPRIORITY, SO.RXQ_OVFL]) await set(option, 1);
  await p.setsockopt(fd, SOL.PACKET, PACKET.AUXDATA, ints(1));
  await set(SO.RCVBUF, 0);
  for (let i = 0; i < 8; i++) await send(100 + i);
  await env.settle();
  await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.MEMINFO, 36));
  await readAll(env, p, fd);
  for (const size of [10, 20]) {
    await send(size);
    await env.settle();
    await readAll(env, p, fd);
  }
  await p.getsockopt(fd, SOL.PACKET, PACKET.STATISTICS, 8);
  await set(SO.TIMESTAMP, 0);
  await set(SO.RCVMARK, 0);
  await send(30);
  await env.settle();
  await p.recvmsg(fd, [room(100)], MSG.DONTWAIT, 20, 60);
});

export const programs: readonly Program[] = [
  creation, binding, ...kinds, datagrams, ownFrames, udp, truncation, filters, limits, options, told,
];
