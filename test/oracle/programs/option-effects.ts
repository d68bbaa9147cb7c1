/** What the rarer options do to packets, names and control data, where option-walk.ts asks only for their values. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { controlData, controlMessage } from '../../../src/socket/control.ts';
import { in4, in6 } from '../address.ts';
import { AF, IP, IPPROTO, IPV6, MSG, SO, SOCK, SOL, TCP, UDP } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { ALL_FAMILIES, FAMILIES, INET, INET6, POLL, PORT, dgram, dgramPair, ints, pair, pattern, room, silently, stream, text, wait } from '../toolkit.ts';

async function arrived(p: Syscalls, fd: number, space = 512, flags = 0): Promise<void> {
  await wait(p, fd, POLL.IN);
  await p.recvmsg(fd, [room(64)], flags, 128, space);
}

/** The next packet that a raw socket of IPv4 hears, without what is the sender's choice: identification and checksums. */
async function header(env: ProgramEnvironment, p: Syscalls, raw: number, what: string): Promise<void> {
  await silently(p).poll([{ fd: raw, events: POLL.IN, revents: 0 }], 2000);
  const bytes = room(65_600);
  const { count } = await silently(p).recvfrom(raw, bytes, MSG.DONTWAIT).catch(() => ({ count: 0 }));
  const length = ((bytes[0] as number) & 0xf) * 4;
  bytes.fill(0, 4, 6).fill(0, 10, 12);
  env.note(`${what}: header`, `${count} ${[...bytes.subarray(0, length)].join(' ')}`);
}

const fragments = program('effects-dont-fragment', async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, INET);
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.UDP);
  await p.connect(raw, in4('127.0.0.1', 0));
  for (const discover of [0, 1, 2, 3, 4, 5]) {
    await p.setsockopt(a, IPPROTO.IP, IP.MTU_DISCOVER, ints(discover));
    await p.send(a, text('small'), 0);
    await header(env, p, raw, `discover ${discover}`);
    await arrived(p, b);
    for (const length of [65_500, 65_507]) {
      if ((await env.attempt(p.send(a, room(length), 0))) !== null) continue;
      await env.settle();
      await header(env, p, raw, `discover ${discover} ${length}`);
      await arrived(p, b);
    }
  }
  const own = await p.socket(AF.INET, SOCK.RAW, 253);
  const other = await p.socket(AF.INET, SOCK.RAW, 253);
  for (const discover of [0, 1, 2, 3, 4, 5]) {
    await p.setsockopt(own, IPPROTO.IP, IP.MTU_DISCOVER, ints(discover));
    await p.sendto(own, text('raw'), 0, in4('127.0.0.1', 0));
    await header(env, p, other, `raw ${discover}`);
    await silently(p).recvfrom(own, room(64), MSG.DONTWAIT).catch(() => {});
  }
});

const marks = ALL_FAMILIES.map((family) => program(`effects-marks-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVMARK, ints(1));
  await p.send(a, text('none'), 0);
  await arrived(p, b);
  await p.setsockopt(a, SOL.SOCKET, SO.MARK, ints(77));
  await p.send(a, text('mark'), 0);
  await arrived(p, b);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVPRIORITY, ints(1));
  await p.setsockopt(a, SOL.SOCKET, SO.PRIORITY, ints(5));
  await p.send(a, text('both'), 0);
  await arrived(p, b);
  for (const [type, value] of [[SO.MARK, 5], [SO.PRIORITY, 3], [SO.MARK, -1], [SO.PRIORITY, 7]] as const) {
    await p.sendmsg(a, { iov: [text('chosen')], control: controlMessage(SOL.SOCKET, type, ints(value)) }, 0);
    await arrived(p, b);
  }
  await p.sendmsg(a, {
    iov: [text('two')], control: controlData(controlMessage(SOL.SOCKET, SO.MARK, ints(8)), controlMessage(SOL.SOCKET, SO.PRIORITY, ints(1))),
  }, 0);
  await arrived(p, b);
  // The type of service chooses a priority too.
  for (const tos of [0, 2, 4, 8, 0x10, 0x18, 0xff]) {
    await p.setsockopt(a, IPPROTO.IP, IP.TOS, ints(tos));
    await p.getsockopt(a, SOL.SOCKET, SO.PRIORITY, 4);
    await p.send(a, text('tos'), 0);
    await arrived(p, b);
  }
  if (family !== INET6) {
    await p.sendmsg(a, { iov: [text('tos')], control: controlMessage(SOL.IP, IP.TOS, ints(0x10)) }, 0);
    await arrived(p, b);
  }
  await env.attempt(p.sendmsg(a, { iov: [text('late')], control: controlMessage(SOL.SOCKET, SO.TXTIME, room(8)) }, 0));
  await p.setsockopt(a, SOL.SOCKET, SO.TXTIME, ints(1, 0));
  await env.attempt(p.sendmsg(a, { iov: [text('late')], control: controlMessage(SOL.SOCKET, SO.TXTIME, room(4)) }, 0));
  await env.attempt(p.sendmsg(a, { iov: [text('late')], control: controlMessage(SOL.SOCKET, SO.TXTIME, room(8)) }, 0));
  await arrived(p, b);
}));

const RECORD_ROUTE = Uint8Array.of(7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0);
const STREAM_ID = Uint8Array.of(136, 4, 0x12, 0x34);
const ROUTER_ALERT = Uint8Array.of(148, 4, 0, 0);

const ipOptions = program('effects-ip-options', async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, INET);
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.UDP);
  await p.setsockopt(b, IPPROTO.IP, IP.RECVOPTS, ints(1));
  await p.setsockopt(b, IPPROTO.IP, IP.RETOPTS, ints(1));
  for (const options of [Uint8Array.of(1), Uint8Array.of(1, 1, 0, 0, 9), STREAM_ID, ROUTER_ALERT, RECORD_ROUTE, Uint8Array.of(68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0)]) {
    const isTime = options[0] === 68;
    await env.attempt(p.setsockopt(a, IPPROTO.IP, IP.OPTIONS, options));
    if (options[0] !== 7 && !isTime) await p.getsockopt(a, IPPROTO.IP, IP.OPTIONS, 40);
    await p.send(a, text('with'), 0);
    if (isTime) {
      await wait(p, b, POLL.IN);
      await p.recv(b, room(16), 0);
      continue;
    }
    await arrived(p, b);
    await header(env, p, raw, `options ${options[0]}`);
  }
  for (const bad of [Uint8Array.of(7, 11, 3), Uint8Array.of(7, 2, 4), Uint8Array.of(148, 3, 0), Uint8Array.of(68, 4, 5, 0), room(41).fill(1), Uint8Array.of(7)]) {
    await env.attempt(p.setsockopt(a, IPPROTO.IP, IP.OPTIONS, bad));
  }
  await p.setsockopt(a, IPPROTO.IP, IP.OPTIONS, new Uint8Array(0));
  await p.send(a, text('without'), 0);
  await arrived(p, b);
  await env.attempt(p.sendmsg(a, { iov: [text('one')], control: controlMessage(SOL.IP, IP.RETOPTS, STREAM_ID) }, 0));
  await arrived(p, b);
  await env.attempt(p.sendmsg(a, { iov: [text('bad')], control: controlMessage(SOL.IP, IP.RETOPTS, Uint8Array.of(7, 2, 4)) }, 0));
  // The longest datagram has less room.
  await p.setsockopt(a, IPPROTO.IP, IP.OPTIONS, ROUTER_ALERT);
  for (const length of [65_503, 65_504, 65_507]) await env.attempt(p.send(a, room(length), 0));
  await env.settle();
  const six = await p.socket(AF.INET, SOCK.RAW, 253);
  const other = await p.socket(AF.INET, SOCK.RAW, 253);
  await p.setsockopt(six, IPPROTO.IP, IP.OPTIONS, STREAM_ID);
  await p.sendto(six, text('raw'), 0, in4('127.0.0.1', 0));
  await header(env, p, other, 'raw');
});

/** Options whose length and padding are right: PadN, and a router alert of hop-by-hop. */
const HOP = Uint8Array.of(0, 0, 5, 2, 0, 0, 1, 0);
const DESTINATION = Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0);

const extensions = program('effects-ipv6-extensions', async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, INET6);
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.AUTOFLOWLABEL, ints(0));
  const told = [
    IPV6.RECVHOPOPTS, IPV6.RECVDSTOPTS, IPV6.RECVRTHDR, IPV6.FLOWINFO, IPV6['2292HOPOPTS'], IPV6['2292DSTOPTS'], IPV6['2292RTHDR'],
    IPV6.RECVPKTINFO, IPV6.RECVHOPLIMIT,
  ];
  const tell = async (on: number): Promise<void> => {
    for (const option of told) await p.setsockopt(b, IPPROTO.IPV6, option, ints(on));
  };
  await tell(1);
  await p.send(a, text('plain'), 0);
  await arrived(p, b);
  for (const [option, value] of [[IPV6.HOPOPTS, HOP], [IPV6.DSTOPTS, DESTINATION], [IPV6.RTHDRDSTOPTS, DESTINATION]] as const) {
    await p.setsockopt(a, IPPROTO.IPV6, option, value);
    await p.getsockopt(a, IPPROTO.IPV6, option, 64);
    await p.send(a, text('sticky'), 0);
    await arrived(p, b);
  }
  for (const option of [...told].reverse()) {
    await tell(0);
    await p.setsockopt(b, IPPROTO.IPV6, option, ints(1));
    await p.send(a, text('one'), 0);
    await arrived(p, b);
  }
  await tell(1);
  for (const messages of [
    [controlMessage(SOL.IPV6, IPV6.HOPOPTS, HOP)], [controlMessage(SOL.IPV6, IPV6.DSTOPTS, DESTINATION)],
    [controlMessage(SOL.IPV6, IPV6['2292HOPOPTS'], HOP)], [controlMessage(SOL.IPV6, IPV6['2292DSTOPTS'], DESTINATION)],
    [controlMessage(SOL.IPV6, IPV6.RTHDRDSTOPTS, DESTINATION)], [controlMessage(SOL.IPV6, IPV6.FLOWINFO, Uint8Array.of(0, 1, 2, 3))],
    [controlMessage(SOL.IPV6, IPV6.HOPOPTS, HOP), controlMessage(SOL.IPV6, IPV6.HOPOPTS, HOP)],
    [controlMessage(SOL.IPV6, IPV6.HOPOPTS, HOP.subarray(0, 4))], [controlMessage(SOL.IPV6, IPV6.DSTOPTS, HOP.subarray(0, 1))],
    [controlMessage(SOL.IPV6, IPV6.RTHDR, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0))], [controlMessage(SOL.IPV6, IPV6.FLOWINFO, ints(1).subarray(0, 3))],
  ]) {
    const failed = await env.attempt(p.sendmsg(a, { iov: [text('control')], control: controlData(...messages) }, 0));
    if (failed === null) await arrived(p, b);
  }
  // A long one, and one behind which there are fragments.
  const long = room(264);
  // An option that nobody knows, and that says it may be passed over.
  long.set([0, 32, 0x1e, 255], 0);
  long.set([1, 3, 0, 0, 0], 259);
  await env.attempt(p.setsockopt(a, IPPROTO.IPV6, IPV6.DSTOPTS, long));
  await p.send(a, text('long'), 0);
  await arrived(p, b, 2048);
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.MTU, ints(1280));
  await p.send(a, pattern(4000), 0);
  await arrived(p, b, 2048);
  for (const option of [IPV6.HOPOPTS, IPV6.DSTOPTS, IPV6.RTHDRDSTOPTS]) await p.setsockopt(a, IPPROTO.IPV6, option, new Uint8Array(0));
  await p.send(a, text('none again'), 0);
  await arrived(p, b);
});

const flows = program('effects-ipv6-flow', async (env) => {
  const p = await env.process();
  const a = await dgram(p, INET6);
  const b = await dgram(p, INET6);
  await p.bind(b, INET6.loopback(PORT));
  await p.setsockopt(b, IPPROTO.IPV6, IPV6.FLOWINFO, ints(1));
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.AUTOFLOWLABEL, ints(0));
  const to = INET6.loopback(PORT);
  to.set([0, 1, 0x23, 0x45], 4);
  await p.sendto(a, text('ignored'), 0, to);
  await arrived(p, b);
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.FLOWINFO_SEND, ints(1));
  await p.sendto(a, text('label'), 0, to);
  await arrived(p, b);
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.TCLASS, ints(0x30));
  await p.sendto(a, text('class'), 0, to);
  await arrived(p, b);
  await p.sendto(a, text('no label'), 0, INET6.loopback(PORT));
  await arrived(p, b);
  await p.connect(a, to);
  await p.getpeername(a);
  await p.send(a, text('connected'), 0);
  await arrived(p, b);
});

const fragmentSizes = FAMILIES.map((family) => program(`effects-fragment-size-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  if (family === INET) await p.setsockopt(b, IPPROTO.IP, IP.RECVFRAGSIZE, ints(1));
  else await p.setsockopt(b, IPPROTO.IPV6, IPV6.RECVFRAGSIZE, ints(1));
  await p.send(a, text('whole'), 0);
  await arrived(p, b);
  if (family === INET6) {
    for (const [mtu, length] of [[1280, 3000], [2000, 3000], [1280, 1232], [1280, 1233], [65_535, 60_000], [0, 3000]] as const) {
      await p.setsockopt(a, IPPROTO.IPV6, IPV6.MTU, ints(mtu));
      await p.send(a, pattern(length), 0);
      await arrived(p, b);
    }
    await p.setsockopt(a, IPPROTO.IPV6, IPV6.MTU, ints(1280));
    await p.setsockopt(a, IPPROTO.IPV6, IPV6.DONTFRAG, ints(1));
    for (const length of [1232, 1233, 3000]) await env.attempt(p.send(a, pattern(length), 0));
  }
}));

/** Addresses that are not this host's. */
const transparent = FAMILIES.map((family) => program(`effects-transparent-${family.name}`, async (env) => {
  const p = await env.process();
  const [level, option, free] = family === INET
    ? [IPPROTO.IP, IP.TRANSPARENT, IP.FREEBIND] : [IPPROTO.IPV6, IPV6.TRANSPARENT, IPV6.FREEBIND];
  for (const make of [stream, dgram]) {
    for (const chosen of [option, free]) {
      const fd = await make(p, family);
      await env.attempt(p.bind(fd, family.elsewhere(PORT)));
      await p.setsockopt(fd, level, chosen, ints(1));
      await env.attempt(p.bind(fd, family.elsewhere(PORT)));
      await p.getsockname(fd);
      if (make === dgram) await env.attempt(p.sendto(fd, text('from elsewhere'), 0, family.loopback(PORT)));
      await p.close(fd);
    }
  }
}));

const noPort = ALL_FAMILIES.map((family) => program(`effects-bind-address-no-port-${family.name}`, async (env) => {
  const p = await env.process();
  for (const make of [stream, dgram]) {
    const listening = await make(p, family);
    await p.bind(listening, family.loopback(PORT));
    if (make === stream) await p.listen(listening, 4);
    const fd = await make(p, family);
    await p.setsockopt(fd, IPPROTO.IP, IP.BIND_ADDRESS_NO_PORT, ints(1));
    await p.bind(fd, family.loopback(0));
    await p.getsockname(fd);
    await p.connect(fd, family.loopback(PORT));
    await p.getsockname(fd);
    const other = await make(p, family);
    await p.setsockopt(other, IPPROTO.IP, IP.BIND_ADDRESS_NO_PORT, ints(1));
    await p.bind(other, family.loopback(PORT + 1));
    await p.getsockname(other);
    await p.close(fd);
    await p.close(other);
    await p.close(listening);
  }
}));

const ranges = FAMILIES.map((family) => program(`effects-port-range-${family.name}`, async (env) => {
  const p = await env.process();
  for (const make of [stream, dgram]) {
    for (const [low, high] of [[40_000, 40_000], [40_001, 40_002], [100, 40_000], [60_999, 0], [0, 32_768]] as const) {
      const fds: number[] = [];
      for (let i = 0; i < 2; i++) {
        const fd = await make(p, family);
        fds.push(fd);
        await p.setsockopt(fd, IPPROTO.IP, IP.LOCAL_PORT_RANGE, ints((high << 16) | low));
        await p.getsockopt(fd, IPPROTO.IP, IP.LOCAL_PORT_RANGE, 4);
        let port = 0;
        const failed = await env.attempt(p.bind(fd, family.loopback(0)));
        if (failed === null) port = new DataView((await silently(p).getsockname(fd)).buffer).getUint16(2);
        const isIn = port >= Math.max(low, 32_768) && port <= (high === 0 || high > 60_999 || high < 32_768 ? 60_999 : high);
        if (low !== 100) env.note('the port is in the range', port === 0 ? 'none' : isIn);
      }
      for (const fd of fds) await p.close(fd);
    }
  }
  // connect(2) looks in it too.
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 8);
  for (let i = 0; i < 2; i++) {
    const fd = await stream(p, family);
    await p.setsockopt(fd, IPPROTO.IP, IP.LOCAL_PORT_RANGE, ints((45_000 << 16) | 45_000));
    if ((await env.attempt(p.connect(fd, family.loopback(PORT)))) !== null) continue;
    env.note('from', new DataView((await silently(p).getsockname(fd)).buffer).getUint16(2));
  }
}));

const peeks = ALL_FAMILIES.map((family) => program(`effects-peek-offset-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(0));
  for (const word of ['first', 'second', 'third']) await p.send(a, text(word), 0);
  await env.settle();
  const look = async (length: number, flags: number): Promise<void> => {
    await env.attempt(p.recv(b, room(length), flags | MSG.DONTWAIT));
    await p.getsockopt(b, SOL.SOCKET, SO.PEEK_OFF, 4);
  };
  for (const length of [3, 2, 10, 0, 2, 4, 10]) await look(length, MSG.PEEK);
  await look(10, 0);
  await look(10, MSG.PEEK | MSG.TRUNC);
  await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(4));
  await look(1, MSG.PEEK | MSG.TRUNC);
  await look(2, 0);
  await look(2, MSG.PEEK);
  await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(-1));
  await look(10, MSG.PEEK);
  await look(10, 0);
  const { client, server } = await pair(p, family, PORT + 4);
  await p.setsockopt(server, SOL.SOCKET, SO.PEEK_OFF, ints(2));
  await p.send(client, text('0123456789'), 0);
  await env.settle();
  for (const [length, flags] of [[3, MSG.PEEK], [3, MSG.PEEK], [2, 0], [9, MSG.PEEK], [9, MSG.PEEK], [4, 0], [9, MSG.PEEK], [1, MSG.PEEK | MSG.TRUNC], [9, 0]] as const) {
    await env.attempt(p.recv(server, room(length), flags | MSG.DONTWAIT));
    await p.getsockopt(server, SOL.SOCKET, SO.PEEK_OFF, 4);
  }
}));

const unicast = ALL_FAMILIES.map((family) => program(`effects-unicast-interface-${family.name}`, async (env) => {
  const p = await env.process();
  const { b } = await dgramPair(p, family);
  const fd = await dgram(p, family);
  const lo = Uint8Array.of(0, 0, 0, 1);
  if (family !== INET6) await p.setsockopt(fd, IPPROTO.IP, IP.UNICAST_IF, lo);
  if (family !== INET) {
    await p.setsockopt(fd, IPPROTO.IPV6, IPV6.UNICAST_IF, lo);
    await p.setsockopt(fd, IPPROTO.IPV6, IPV6.PKTINFO, controlInfo(1));
    await env.attempt(p.setsockopt(fd, IPPROTO.IPV6, IPV6.PKTINFO, controlInfo(99)));
    await env.attempt(p.sendto(fd, text('nowhere'), 0, family.loopback(PORT + 1)));
    await p.setsockopt(fd, IPPROTO.IPV6, IPV6.PKTINFO, controlInfo(0));
    await env.attempt(p.setsockopt(fd, IPPROTO.IPV6, IPV6.PKTINFO, controlInfo(1).subarray(0, 19)));
  }
  await p.connect(b, family.loopback(0)).catch(() => {});
  await p.sendto(fd, text('by lo'), 0, family.loopback(PORT + 1));
  await env.settle();
  await env.attempt(p.sendto(fd, text('elsewhere'), 0, family.elsewhere(PORT + 1)));
}));

function controlInfo(index: number): Uint8Array {
  const bytes = room(20);
  bytes[16] = index;
  return bytes;
}

const minimum = ALL_FAMILIES.map((family) => program(`effects-minimum-ttl-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  const set = async (fd: number, least: number): Promise<void> => {
    await p.setsockopt(fd, IPPROTO.IP, IP.MINTTL, ints(least));
    if (family !== INET) await p.setsockopt(fd, IPPROTO.IPV6, IPV6.MINHOPCOUNT, ints(least));
  };
  await set(server, 64);
  await p.send(client, text('near'), 0);
  await wait(p, server, POLL.IN);
  await p.recv(server, room(16), 0);
  await set(server, 65);
  await p.send(client, text('too far'), 0);
  await env.settle(50);
  await env.attempt(p.recv(server, room(16), MSG.DONTWAIT));
  await set(server, 0);
  await wait(p, server, POLL.IN);
  await p.recv(server, room(16), 0);
}));

const checksums = program('effects-udp-without-checksum', async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, INET6);
  const raw = await p.socket(AF.INET6, SOCK.RAW, IPPROTO.UDP);
  const sum = async (): Promise<void> => {
    const bytes = room(64);
    const { count } = await silently(p).recvfrom(raw, bytes, MSG.DONTWAIT).catch(() => ({ count: 0 }));
    env.note('datagram', `${count} checksum ${bytes[6] === 0 && bytes[7] === 0 ? 'none' : 'there'}`);
  };
  await p.send(a, text('with'), 0);
  await env.settle();
  await sum();
  await arrived(p, b);
  await p.setsockopt(a, IPPROTO.UDP, UDP.NO_CHECK6_TX, ints(1));
  await p.send(a, text('without'), 0);
  await env.settle();
  await sum();
  await env.attempt(p.recv(b, room(16), MSG.DONTWAIT));
  await p.setsockopt(b, IPPROTO.UDP, UDP.NO_CHECK6_RX, ints(1));
  await p.send(a, text('without'), 0);
  await env.settle();
  await sum();
  await env.attempt(p.recv(b, room(16), MSG.DONTWAIT));
});

const rest = program('effects-bytes-left', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  await p.setsockopt(server, IPPROTO.TCP, TCP.INQ, ints(1));
  await p.send(client, text('0123456789'), 0);
  await wait(p, server, POLL.IN);
  for (const [length, flags] of [[4, MSG.PEEK], [4, 0], [6, 0]] as const) await p.recvmsg(server, [room(length)], flags, 0, 64);
  await env.attempt(p.recvmsg(server, [room(4)], MSG.DONTWAIT, 0, 64));
  await p.close(client);
  await env.settle();
  await env.attempt(p.recvmsg(server, [room(4)], MSG.DONTWAIT, 0, 64));
  const [x, y] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.setsockopt(y, SOL.SOCKET, SO.INQ, ints(1));
  await p.setsockopt(y, SOL.SOCKET, SO.PASSCRED, ints(1));
  await p.send(x, text('0123456789'), 0);
  await p.send(x, text('more'), 0);
  for (const [length, flags] of [[4, MSG.PEEK], [4, 0], [8, 0], [9, 0]] as const) await p.recvmsg(y, [room(length)], flags, 0, 128);
  await env.attempt(p.recvmsg(y, [room(4)], MSG.DONTWAIT, 0, 128));
  await p.close(x);
  await p.recvmsg(y, [room(4)], 0, 0, 128);
});

const rights = program('effects-unix-pass-rights', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET]) {
    const [x, y] = await p.socketpair(AF.UNIX, type, 0);
    const control = controlMessage(SOL.SOCKET, 1, ints(x));
    await p.setsockopt(y, SOL.SOCKET, SO.PASSRIGHTS, ints(0));
    await env.attempt(p.sendmsg(x, { iov: [text('refused')], control }, 0));
    await env.attempt(p.send(x, text('plain'), 0));
    await p.recv(y, room(16), MSG.DONTWAIT);
    await env.attempt(p.sendmsg(y, { iov: [text('back')], control }, 0));
    await p.setsockopt(y, SOL.SOCKET, SO.PASSRIGHTS, ints(1));
    await env.attempt(p.sendmsg(x, { iov: [text('taken')], control }, 0));
    await p.recvmsg(y, [room(16)], 0, 0, 64);
  }
});

const pathMtu = program('effects-path-mtu-news', async (env) => {
  const p = await env.process();
  const { a } = await dgramPair(p, INET6);
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.MTU, ints(1280));
  const look = async (): Promise<void> => {
    await env.attempt(p.recvmsg(a, [room(16)], MSG.DONTWAIT, 128, 128));
    await env.attempt(p.recvmsg(a, [room(16)], MSG.DONTWAIT, 128, 128));
  };
  await env.attempt(p.send(a, room(3000), 0));
  await look();
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.RECVPATHMTU, ints(1));
  await env.attempt(p.send(a, room(3000), 0));
  await look();
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.DONTFRAG, ints(1));
  await env.attempt(p.send(a, room(3000), 0));
  await env.attempt(p.send(a, room(1300), 0));
  await look();
  await env.attempt(p.send(a, room(3000), 0));
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.RECVPATHMTU, ints(0));
  await look();
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.RECVPATHMTU, ints(1));
  await look();
  await p.setsockopt(a, IPPROTO.IPV6, IPV6.DONTFRAG, ints(0));
  await env.attempt(p.sendmsg(a, { iov: [room(3000)], control: controlMessage(SOL.IPV6, IPV6.DONTFRAG, ints(1)) }, 0));
  await look();
});

/** SO_MEMINFO: what waits, the buffers, what was lost; how much the kernel sets aside is its own affair. */
const memory = ALL_FAMILIES.map((family) => program(`effects-memory-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVBUF, ints(4000));
  for (let i = 0; i < 8; i++) {
    await p.send(a, pattern(100 + 200 * i), 0);
    await env.settle(1);
    const words = new DataView((await silently(p).getsockopt(b, SOL.SOCKET, SO.MEMINFO, 36)).buffer);
    env.note(`after ${i}`, [0, 1, 3, 8].map((word) => words.getInt32(word * 4, true)).join(' '));
  }
}));

/** Of AF_UNIX the sender is charged. */
const unixMemory = program('effects-memory-unix', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET]) {
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    for (let i = 0; i < 4; i++) {
      await p.send(a, pattern(100 + 2000 * i), 0);
      for (const fd of [a, b]) {
        const words = new DataView((await silently(p).getsockopt(fd, SOL.SOCKET, SO.MEMINFO, 36)).buffer);
        env.note(`after ${i} of ${fd === a ? 'a' : 'b'}`, [0, 1, 2, 3, 5, 8].map((word) => words.getInt32(word * 4, true)).join(' '));
      }
      if (i === 2) await p.read(b, room(100));
    }
  }
});

const unixTimes = program('effects-unix-timestamps', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.DGRAM, SOCK.SEQPACKET, SOCK.STREAM]) {
    for (const option of [SO.TIMESTAMP, SO.TIMESTAMPNS, SO.TIMESTAMP_NEW, SO.TIMESTAMPNS_NEW]) {
      const [x, y] = await p.socketpair(AF.UNIX, type, 0);
      await p.setsockopt(y, SOL.SOCKET, option, ints(1));
      await p.setsockopt(y, SOL.SOCKET, SO.PASSCRED, ints(1));
      await p.send(x, text('timed'), 0);
      await p.recvmsg(y, [room(16)], MSG.PEEK, 0, 128);
      await p.recvmsg(y, [room(16)], 0, 0, 128);
      await p.send(x, text('timed'), 0);
      await p.setsockopt(y, SOL.SOCKET, option, ints(0));
      await p.recvmsg(y, [room(16)], 0, 0, 128);
    }
  }
});

/** IP_RECVERR of raw sockets, and IPV6_HDRINCL. */
const rawErrors = FAMILIES.map((family) => program(`effects-raw-errors-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await p.socket(family.domain, SOCK.RAW, 253);
  const [level, option, discover] = family === INET
    ? [IPPROTO.IP, IP.RECVERR, IP.MTU_DISCOVER] : [IPPROTO.IPV6, IPV6.RECVERR, IPV6.MTU_DISCOVER];
  await p.setsockopt(fd, level, option, ints(1));
  await p.setsockopt(fd, level, discover, ints(2));
  await env.attempt(p.sendto(fd, room(65_530), 0, family.loopback(0)));
  await wait(p, fd, POLL.ERR, 0);
  await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 128));
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  // A datagram to nobody: the error is for whoever sends UDP, a raw socket of the protocol among them.
  const udp = await p.socket(family.domain, SOCK.RAW, IPPROTO.UDP);
  await p.setsockopt(udp, level, option, ints(1));
  const datagram = Uint8Array.of(0x13, 0x88, 0x13, 0x99, 0, 12, 0, 0, 1, 2, 3, 4);
  if (family === INET6) await p.setsockopt(udp, SOL.RAW, IPV6.CHECKSUM, ints(6));
  for (const isConnected of [false, true]) {
    if (isConnected) await p.connect(udp, family.loopback(0));
    await env.attempt(p.sendto(udp, datagram, 0, family.loopback(0)));
    await env.settle();
    await env.attempt(p.recvmsg(udp, [room(64)], MSG.ERRQUEUE, 128, 256));
    await p.getsockopt(udp, SOL.SOCKET, SO.ERROR, 4);
  }
  await p.setsockopt(udp, level, option, ints(0));
  await env.attempt(p.send(udp, datagram, 0));
  await env.settle();
  await p.getsockopt(udp, SOL.SOCKET, SO.ERROR, 4);
}));

const header6 = program('effects-ipv6-header-included', async (env) => {
  const p = await env.process();
  const fd = await p.socket(AF.INET6, SOCK.RAW, 253);
  const other = await p.socket(AF.INET6, SOCK.RAW, 253);
  await p.setsockopt(other, IPPROTO.IPV6, IPV6.RECVHOPLIMIT, ints(1));
  await p.setsockopt(fd, IPPROTO.IPV6, IPV6.HDRINCL, ints(1));
  const packet = room(44);
  packet.set([0x60, 0, 0, 0, 0, 4, 253, 9], 0);
  packet[23] = 1;
  packet[39] = 1;
  packet.set([1, 2, 3, 4], 40);
  await p.sendto(fd, packet, 0, in6('::1', 0));
  await arrived(p, other);
  for (const length of [0, 39, 40]) await env.attempt(p.sendto(fd, packet.subarray(0, length), 0, in6('::1', 0)));
  await env.attempt(p.sendto(fd, room(65_600), 0, in6('::1', 0)));
});

/** SO_BUF_LOCK keeps the buffers at the size that they have: a stream that is accepted with it sends and receives. */
const locked = FAMILIES.map((family) => program(`effects-buffer-lock-${family.name}`, async (env) => {
  const p = await env.process();
  for (const value of [1, 2, 3]) {
    const l = await stream(p, family);
    await p.setsockopt(l, SOL.SOCKET, SO.BUF_LOCK, ints(value));
    await p.bind(l, family.loopback(PORT + value));
    await p.listen(l, 3);
    const client = await stream(p, family);
    await p.connect(client, family.loopback(PORT + value));
    const { fd } = await p.accept(l);
    await p.getsockopt(fd, SOL.SOCKET, SO.BUF_LOCK, 4);
    await p.getsockopt(fd, SOL.SOCKET, SO.SNDBUF, 4);
    await p.getsockopt(l, SOL.SOCKET, SO.RCVBUF, 4);
    await p.send(fd, text('hello'), MSG.DONTWAIT);
    await p.send(client, text('and hello'), MSG.DONTWAIT);
    await env.settle();
    for (const end of [client, fd]) await p.recv(end, room(20), MSG.DONTWAIT);
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDBUF, ints(9000));
    await p.setsockopt(fd, SOL.SOCKET, SO.BUF_LOCK, ints(0));
    await p.getsockopt(fd, SOL.SOCKET, SO.SNDBUF, 4);
  }
}));

export const programs: Program[] = [
  fragments, ...marks, ipOptions, extensions, flows, ...fragmentSizes, ...transparent, ...noPort, ...ranges, ...peeks, ...unicast, ...minimum,
  checksums, rest, rights, ...memory, unixMemory, unixTimes, pathMtu, ...rawErrors, header6, ...locked,
];
