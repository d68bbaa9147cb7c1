/** /proc/net where there is something to tell: queues, timers, owners, drops, filters, traffic in the counters. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { in4, in6, un } from '../address.ts';
import { ASK, attribute, F, nl, rtmsg, T, Talk, u32 } from '../netlink-text.ts';
import { AF, ETH_P, IP, IPPROTO, IPV6, MCAST, MSG, O, SHUT, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { type Columns, contents, DATAGRAM_COLUMNS, Tables, TCP_COLUMNS } from '../proc-tables.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { dgram, FAMILIES, INET, INET6, ints, joined, MAPPED, PORT, room, silently, stream, text } from '../toolkit.ts';
import { groupReq, groupSource, mreq, mreqSource } from './multicast-values.ts';

const USER = 1000, NETLINK = 270;
const ETH0 = 2;

async function cubic(p: Syscalls, fd: number): Promise<void> {
  await p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
}

async function user(env: ProgramEnvironment, parent: Syscalls): Promise<Syscalls> {
  const child = await env.fork(parent);
  await child.setresgid(USER, USER, USER);
  await child.setresuid(USER, USER, USER);
  return child;
}

const tcpTables = async (tables: Tables, columns: Columns = TCP_COLUMNS): Promise<void> => {
  await tables.show('tcp', { ...columns, isPadded: true });
  await tables.show('tcp6', columns);
};

/** A peer that reads nothing: bytes wait on both sides, then the window is asked for. */
const window = [...FAMILIES, MAPPED].map((family) => program(`proc-columns-window-${family.name}`, async (env) => {
  const p = await env.process();
  const tables = new Tables(env, p);
  const listening = await stream(p, family);
  await cubic(p, listening);
  await p.setsockopt(listening, SOL.SOCKET, SO.RCVBUF, ints(2304));
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 4);
  const client = await stream(p, family);
  await cubic(p, client);
  await p.connect(client, family.loopback(PORT));
  const { fd: server } = await p.accept(listening);
  await p.send(client, room(1000), 0);
  await env.settle(100);
  await tcpTables(tables);
  await p.recv(server, room(1000), 0);
  await p.send(client, text('urgent'), MSG.OOB);
  await env.settle(100);
  // The estimate of what delays acknowledgements follows the real time between two segments.
  await tcpTables(tables, { ...TCP_COLUMNS, masked: [...TCP_COLUMNS.masked, 13, 14] });
  // How many bytes are in flight before the window is shut is each kernel's own affair: which timer runs is not.
  await p.setsockopt(client, SOL.SOCKET, SO.SNDBUF, ints(30000));
  await p.fcntl(client, 4, O.NONBLOCK);
  await silently(p).send(client, room(12000), 0);
  await env.settle(100);
  await tcpTables(tables, { ...TCP_COLUMNS, masked: [...TCP_COLUMNS.masked, 4, 12, 13, 14, 15, 16] });
}));

/** Nobody answers (a user may not choose another congestion control, and none matters here): SYNs and data are sent again. */
const unanswered = program('proc-columns-unanswered', async (env) => {
  await env.plugIn(ETH0, ['192.0.2.1/24']);
  const root = await env.signalProcess();
  const talk = await Talk.open(env, root, 400);
  await talk.ask('a neighbour that is not there', T.NEWNEIGH, ASK | F.CREATE, Uint8Array.of(AF.INET, 0, 0, 0, ETH0, 0, 0, 0, 0x80, 0, 0, 0), attribute(1, Uint8Array.of(192, 0, 2, 9)),
    attribute(2, Uint8Array.of(2, 0, 0, 0, 0, 9)));
  const p = await user(env, root);
  const tables = new Tables(env, p);
  const client = await stream(p, INET, SOCK.NONBLOCK);
  await env.attempt(p.connect(client, in4('192.0.2.9', PORT)));
  await env.settle(300);
  await tcpTables(tables);
  await env.settle(1200);
  await tcpTables(tables);
  env.note('arp', await contents(silently(p), '/proc/net/arp'));
  env.note('route', await contents(silently(p), '/proc/net/route'));
});

/** Backlogs and owners: who is not accepted yet has its listener's. */
const owners = program('proc-columns-owners', async (env) => {
  const root = await env.signalProcess();
  const p = await user(env, root);
  const tables = new Tables(env, p);
  const listening = await stream(p, INET);
  await p.bind(listening, INET.loopback(PORT));
  await p.listen(listening, 1);
  const clients: number[] = [];
  for (let i = 0; i < 3; i++) {
    const owner = i === 0 ? p : root;
    const client = await stream(owner, INET, SOCK.NONBLOCK);
    if (i === 0) clients.push(client);
    await owner.bind(client, INET.loopback(PORT + 10 + i));
    await env.attempt(owner.connect(client, INET.loopback(PORT)));
    await env.settle(20);
  }
  const another = await dgram(p, INET);
  await p.bind(another, INET.loopback(PORT));
  const local = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(local, Uint8Array.of(AF.UNIX, 0, 0, 66));
  await p.listen(local, 1);
  await env.settle(200);
  await tcpTables(tables);
  await tables.show('udp', { ...DATAGRAM_COLUMNS, isPadded: true });
  await p.shutdown(clients[0] as number, SHUT.WR);
  await env.settle(100);
  await tcpTables(tables);
  await p.close(clients[0] as number);
  await env.settle(100);
  await tcpTables(tables);
  await p.close(listening);
  await env.settle(100);
  await tcpTables(tables);
});

/** What waits, and what found no room. */
const datagrams = program('proc-columns-datagrams', async (env) => {
  const root = await env.signalProcess();
  const p = await user(env, root);
  const tables = new Tables(env, p);
  const show = async (): Promise<void> => {
    await env.settle(20);
    await tables.show('udp', { ...DATAGRAM_COLUMNS, isPadded: true });
    await tables.show('udp6', DATAGRAM_COLUMNS);
  };
  for (const family of [INET, INET6]) {
    const fd = await dgram(p, family);
    await p.bind(fd, family.loopback(PORT));
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(2304));
    for (const length of [1, 100, 600]) await p.sendto(fd, room(length), 0, family.loopback(PORT));
    await show();
    for (let i = 0; i < 9; i++) await p.sendto(fd, room(700), 0, family.loopback(PORT));
    await show();
    await p.recv(fd, room(700), 0);
    await show();
    for (let i = 0; i < 20; i++) await env.attempt(p.recv(fd, room(700), MSG.DONTWAIT));
    await show();
    await p.shutdown(fd, SHUT.RD).catch(() => undefined);
    await p.connect(fd, family.loopback(PORT + 1));
    await env.attempt(p.send(fd, room(9), 0));
    await show();
    await p.connect(fd, Uint8Array.from([0, 0, ...room(26)]));
    // Of AF_INET6 Linux goes on telling the address of the peer that was.
    if (family === INET) await show();
  }
});

/** Raw and ping sockets: protocols and identifiers stand for ports. */
const messages = program('proc-columns-messages', async (env) => {
  const root = await env.signalProcess();
  await env.sysctl('net.ipv4.ping_group_range', '0 2000');
  const p = await user(env, root);
  const tables = new Tables(env, p);
  const four = await root.socket(AF.INET, SOCK.RAW, 1);
  const six = await root.socket(AF.INET6, SOCK.RAW, 58);
  const other = await root.socket(AF.INET, SOCK.RAW, 253);
  await root.connect(other, in4('127.0.0.1', 0));
  const small = await root.socket(AF.INET, SOCK.RAW, 1);
  await root.setsockopt(small, SOL.SOCKET, SO.RCVBUF, ints(2304));
  const ownTables = new Tables(env, root);
  const show = async (): Promise<void> => {
    await env.settle(20);
    for (const name of ['raw', 'raw6']) await ownTables.show(name, { ...DATAGRAM_COLUMNS, ends: [] });
    for (const name of ['icmp', 'icmp6']) await tables.show(name, { ...DATAGRAM_COLUMNS, isPadded: name === 'icmp' });
  };
  const ping = await p.socket(AF.INET, SOCK.DGRAM, 1);
  await show();
  await p.bind(ping, in4('127.0.0.1', 77));
  await show();
  await p.connect(ping, in4('127.0.0.1', 0));
  await p.send(ping, Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 1, 5, 6), 0);
  const ping6 = await p.socket(AF.INET6, SOCK.DGRAM, 58);
  await p.bind(ping6, in6('::1', 78));
  await p.sendto(ping6, Uint8Array.of(128, 0, 0, 0, 0, 0, 0, 1, 5, 6), 0, in6('::1', 0));
  await show();
  await p.setsockopt(ping, SOL.SOCKET, SO.RCVBUF, ints(2304));
  for (let i = 0; i < 7; i++) await p.send(ping, Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 1, ...room(900)), 0);
  await show();
  await p.close(ping);
  await root.close(four);
  await root.close(six);
  await show();
});

/** AF_UNIX with something under way, and sockets that nobody has any more. */
const unix = program('proc-columns-unix', async (env) => {
  const p = await env.process();
  const tables = new Tables(env, p);
  const show = (): Promise<void> => tables.show('unix', { inode: 6, masked: [0] });
  const [one, two] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.send(one, room(500), 0);
  await p.shutdown(one, SHUT.WR);
  await show();
  const [three, four] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  await p.send(three, room(10), 0);
  await p.close(three);
  await show();
  await p.close(two);
  await show();
  const listening = await p.socket(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.bind(listening, un('s'));
  await p.listen(listening, 2);
  const client = await p.socket(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.bind(client, un('c'));
  await p.connect(client, un('s'));
  await p.send(client, text('early'), 0);
  await show();
  await p.close(client);
  await show();
  await p.unlink('s');
  await p.close(listening);
  await p.dup(four);
  await show();
});

const packets = program('proc-columns-packets', async (env) => {
  const root = await env.signalProcess();
  const htons = (n: number): number => ((n & 0xff) << 8) | (n >> 8);
  const link = (protocol: number, index: number): Uint8Array => Uint8Array.of(AF.PACKET, 0, protocol >> 8, protocol & 0xff, index, ...room(15));
  const tables = new Tables(env, root);
  const show = (): Promise<void> => tables.show('packet', { inode: 8, masked: [0] });
  const all = await root.socket(AF.PACKET, SOCK.RAW, htons(ETH_P.ALL));
  const other = await root.socket(AF.PACKET, SOCK.DGRAM, 0);
  await root.bind(other, link(ETH_P.IP, 1));
  await root.socket(AF.PACKET, SOCK.PACKET, htons(ETH_P.ALL));
  await show();
  const sender = await dgram(root, INET);
  await root.bind(sender, INET.loopback(PORT + 1));
  await root.sendto(sender, room(100), 0, INET.loopback(PORT));
  await root.sendto(sender, room(1200), 0, INET.loopback(PORT));
  await env.settle(20);
  await show();
  // Their numbers differ, and so do their sums.
  for (let i = 0; i < 9; i++) await silently(root).recv(all, room(2000), MSG.DONTWAIT).catch(() => undefined);
  await silently(root).recv(other, room(2000), 0);
  await show();
  await root.bind(other, link(ETH_P.ARP, 0));
  await show();
});

/** The kernel's own sockets (port 0) are each kernel's own affair, and so are pointers. */
const netlink = program('proc-columns-netlink', async (env) => {
  const root = await env.signalProcess();
  const tables = new Tables(env, root);
  const show = (): Promise<void> => tables.show('netlink', { inode: 9, masked: [0], isLine: (words) => words[2] !== '0' });
  const one = await root.socket(AF.NETLINK, SOCK.RAW, 0);
  await show();
  await root.bind(one, nl(900, 0x11));
  const two = await root.socket(AF.NETLINK, SOCK.DGRAM, 4);
  await root.bind(two, nl(901));
  await root.setsockopt(one, NETLINK, 1, ints(33));
  await show();
  const small = await root.socket(AF.NETLINK, SOCK.RAW, 0);
  await root.bind(small, nl(902, 0x1ff));
  await root.setsockopt(small, SOL.SOCKET, SO.RCVBUF, ints(2304));
  const talk = await Talk.open(env, root, 903);
  for (let i = 1; i < 12; i++) {
    await talk.ask(`route ${i}`, T.NEWROUTE, ASK | F.CREATE, rtmsg({ family: AF.INET, length: 8, table: 254, protocol: 3, scope: 253, type: 1 }),
      attribute(1, Uint8Array.of(20 + i, 0, 0, 0)), attribute(4, u32(1)));
  }
  await tables.show('netlink', { inode: 9, masked: [0, 4], isLine: (words) => words[2] !== '0' });
  env.note('route', await contents(silently(root), '/proc/net/route'));
  await root.connect(two, nl(900));
  await show();
});

/** Linux has the other end of a device too. */
function withoutPeer(table: string): string {
  return table.split(/^(?=\S)/m).filter((block) => !/^\d+\s+far/.test(block)).join('');
}

/** Filters of groups, and how often they are held. */
const groups = program('proc-columns-groups', async (env) => {
  await env.plugIn(ETH0, ['192.0.2.1/24', '2001:db8::1/64']);
  const p = await env.process();
  const quiet = silently(p);
  const show = async (): Promise<void> => {
    await env.settle(20);
    for (const name of ['igmp', 'igmp6', 'mcfilter', 'mcfilter6', 'dev_mcast']) env.note(name, withoutPeer(await contents(quiet, `/proc/net/${name}`)));
  };
  await env.settle(1500);
  const four = await dgram(p, INET);
  const again = await dgram(p, INET);
  await p.setsockopt(four, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq('239.1.2.3', '192.0.2.1'));
  await p.setsockopt(again, IPPROTO.IP, IP.ADD_SOURCE_MEMBERSHIP, mreqSource('239.1.2.3', '10.0.0.1', '192.0.2.1'));
  await p.setsockopt(four, IPPROTO.IP, IP.BLOCK_SOURCE, mreqSource('239.1.2.3', '10.0.0.2', '192.0.2.1'));
  await p.setsockopt(four, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq('239.9.9.9', '127.0.0.1'));
  const six = await dgram(p, INET6);
  const other = await dgram(p, INET6);
  await p.setsockopt(six, IPPROTO.IPV6, MCAST.JOIN_GROUP, groupReq('ff15::7', ETH0));
  await p.setsockopt(six, IPPROTO.IPV6, MCAST.BLOCK_SOURCE, groupSource('ff15::7', '2001:db8::9', ETH0));
  await p.setsockopt(other, IPPROTO.IPV6, MCAST.JOIN_SOURCE_GROUP, groupSource('ff15::7', '2001:db8::8', ETH0));
  await p.setsockopt(other, IPPROTO.IPV6, MCAST.JOIN_SOURCE_GROUP, groupSource('ff11::8', '2001:db8::8', 1));
  await p.setsockopt(other, IPPROTO.IPV6, IPV6.MULTICAST_HOPS, ints(4));
  // Reports go out at a time of chance: their timers are each kernel's own affair until they are through.
  await env.settle(4000);
  await show();
  await p.setsockopt(again, IPPROTO.IP, IP.DROP_SOURCE_MEMBERSHIP, mreqSource('239.1.2.3', '10.0.0.1', '192.0.2.1'));
  await p.close(other);
  await env.settle(4000);
  await show();
  await env.sysctl('net.ipv4.conf.eth0.force_igmp_version', '2');
  await show();
});

/** What a short conversation leaves in the counters. Orphans and sockets of TCP are counted for the whole machine. */
const counters = program('proc-columns-counters', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const values = async (name: string, table: string, without: readonly string[] = []): Promise<void> => {
    const [names, numbers] = (await contents(quiet, `/proc/net/${name}`)).split('\n').filter((line) => line.startsWith(`${table}: `)).map((line) => line.split(' '));
    (names as string[]).forEach((column, i) => {
      if (!without.includes(column)) env.note(`${name} ${table}${column}`, (numbers as string[])[i] as string);
    });
  };
  const six = async (): Promise<void> => {
    for (const line of (await contents(quiet, '/proc/net/snmp6')).split('\n')) {
      if (!/^Icmp6(In|Out)Type|^Ip6(Out|In)Mcast|Icmp6Out(Router|MLD|Neighbor)|^$/.test(line)) env.note(`snmp6 ${line.split(/\s+/)[0]}`, line.split(/\s+/)[1] as string);
    }
  };
  const show = async (): Promise<void> => {
    await env.settle(100);
    for (const table of ['Ip', 'Icmp', 'Tcp', 'Udp']) await values('snmp', table);
    await values('netstat', 'IpExt');
    const stat = await contents(quiet, '/proc/net/sockstat');
    env.note('sockstat', stat.replace(/(mem|memory|orphan|alloc) \d+/g, '$1 *'));
    env.note('sockstat6', (await contents(quiet, '/proc/net/sockstat6')).replace(/memory \d+/g, 'mem *'));
  };
  // Refused, and to nobody.
  const fd = await dgram(p, INET);
  await p.sendto(fd, room(30), 0, INET.loopback(PORT));
  await env.attempt(p.sendto(fd, room(30), 0, INET.elsewhere(PORT)));
  const client = await stream(p, INET);
  await env.attempt(p.connect(client, INET.loopback(PORT)));
  await show();
  const listening = await stream(p, INET);
  await p.bind(listening, INET.loopback(PORT));
  await p.listen(listening, 2);
  const again = await stream(p, INET);
  await p.connect(again, INET.loopback(PORT));
  const { fd: server } = await p.accept(listening);
  await p.close(server);
  // The FIN's acknowledgement would go with another one that came within a tick.
  await env.settle(100);
  await p.close(again);
  await show();
  // A fragment whose others never come, a packet for another, a sum that is wrong, a protocol that nobody knows.
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.RAW);
  const packet = (protocol: number, field: number, to: readonly number[], data: Uint8Array): Uint8Array =>
    joined(Uint8Array.of(0x45, 0, 0, 20 + data.length, 0, 9, field >> 8, field & 0xff, 9, protocol, 0, 0, 127, 0, 0, 1, ...to), data);
  for (const bytes of [packet(17, 0x2000, [127, 0, 0, 1], room(16)), packet(17, 0, [127, 0, 0, 1], Uint8Array.of(1, 1, 1, 1, 0, 12, 9, 9, 1, 2, 3, 4)),
    packet(200, 0, [127, 0, 0, 1], room(4)), packet(17, 0, [127, 0, 0, 1], room(3))]) await env.attempt(p.sendto(raw, bytes, 0, INET.loopback(0)));
  const many = await dgram(p, INET);
  await p.bind(many, INET.loopback(PORT + 2));
  await p.setsockopt(many, SOL.SOCKET, SO.RCVBUF, ints(2304));
  for (let i = 0; i < 9; i++) await p.sendto(many, room(800), 0, INET.loopback(PORT + 2));
  await env.attempt(p.recv(many, room(2), 0));
  await show();
  const sixth = await dgram(p, INET6);
  await p.bind(sixth, INET6.loopback(PORT));
  await p.sendto(sixth, room(40), 0, INET6.loopback(PORT));
  await p.recv(sixth, room(40), 0);
  await env.attempt(p.sendto(sixth, room(40), 0, INET6.loopback(PORT + 5)));
  await env.settle(100);
  await six();
});

export const programs: readonly Program[] = [
  ...window, unanswered, owners, datagrams, messages, unix, packets, netlink, groups, counters,
];
