/** NETLINK_SOCK_DIAG: what it tells of sockets, one and all of a kind, and what it refuses. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { hex, portOf, un } from '../address.ts';
import { attribute, F, message, packed, u32 } from '../netlink-text.ts';
import { AF, IPPROTO, MSG, SHUT, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { dgram, FAMILIES, INET, INET6, ints, joined, MAPPED, PORT, room, silently, text } from '../toolkit.ts';

const DIAG = 4, BY_FAMILY = 20, DESTROY = 21;
const LOWEST_AUTOMATIC = 32768, ALL = 0xffffffff;
/** Extensions of AF_INET's requests: TOS, TCLASS, CONG. */
const SOME_EXTENSIONS = (1 << 4) | (1 << 5) | (1 << 3);
/** Attributes whose values do not depend on the machine. */
const INET_ATTRIBUTES = [4, 5, 6, 8, 10, 11, 17, 22], UNIX_ATTRIBUTES = [0, 3, 4, 6, 7];

function inetRequest(family: number, protocol: number, states = ALL, extensions = SOME_EXTENSIONS, ports: readonly [number, number] = [0, 0]): Uint8Array {
  const bytes = packed([family, 1], [protocol, 1], [extensions, 1], [0, 1], [states, 4], ...Array.from({ length: 10 }, () => [0, 4] as const), [ALL, 4], [ALL, 4]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, ports[0]);
  view.setUint16(10, ports[1]);
  return bytes;
}

function unixRequest(states = ALL, inode = 0, show = 0xff, cookie: readonly [number, number] = [ALL, ALL]): Uint8Array {
  return packed([AF.UNIX, 1], [0, 1], [0, 2], [states, 4], [inode, 4], [show, 4], [cookie[0], 4], [cookie[1], 4]);
}

function attributesText(bytes: Uint8Array, shown: readonly number[], words: (type: number, value: Uint8Array) => string): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: string[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || length > bytes.length - at) break;
    const type = view.getUint16(at + 2, true) & 0x3fff;
    if (shown.includes(type)) found.push(`${type}:${words(type, bytes.subarray(at + 4, at + length))}`);
    at += (length + 3) & ~3;
  }
  return found.join(' ');
}

/** Asks, and notes what comes back: sockets by their descriptors, sorted; cookies and times left out. */
class Asker {
  private readonly env: ProgramEnvironment;
  private readonly p: Syscalls;
  private readonly fd: number;
  private readonly ports = new Map<number, string>();
  private sequence = 0;

  private constructor(env: ProgramEnvironment, p: Syscalls, fd: number) {
    this.env = env;
    this.p = silently(p);
    this.fd = fd;
  }

  static async open(env: ProgramEnvironment, p: Syscalls): Promise<Asker> {
    return new Asker(env, p, await p.socket(AF.NETLINK, SOCK.RAW, DIAG));
  }

  private async names(): Promise<Map<number, string>> {
    const names = new Map([[0, 'none']]);
    for (let fd = 3; fd < 50; fd++) {
      try {
        const { ino } = await this.p.fstat(fd);
        if (!names.has(ino)) names.set(ino, `fd${fd}`);
        const port = portOf(await this.p.getsockname(fd));
        if (port >= LOWEST_AUTOMATIC && !this.ports.has(port)) this.ports.set(port, `port-of-${fd}`);
      } catch {
        // No socket with a port.
      }
    }
    return names;
  }

  async ask(what: string, body: Uint8Array, flags: number = F.REQUEST | F.DUMP, type = BY_FAMILY): Promise<void> {
    const { env, p } = this;
    const names = await this.names();
    const sent = await env.attempt(p.send(this.fd, message(type, flags, ++this.sequence, body), 0));
    if (sent !== null) env.note(`${what}: send`, sent);
    const lines: string[] = [];
    for (let n = 0; n < 20; n++) {
      const buffer = room(32768);
      let count = 0;
      try {
        count = await p.recv(this.fd, buffer, MSG.DONTWAIT);
      } catch {
        break;
      }
      lines.push(...this.linesOf(buffer.subarray(0, count), names));
    }
    lines.sort().forEach((line, i) => env.note(`${what} ${i}`, line));
    env.note(`${what}: how many`, lines.length);
  }

  private linesOf(datagram: Uint8Array, names: ReadonlyMap<number, string>): string[] {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    const lines: string[] = [];
    for (let at = 0; at + 16 <= datagram.length;) {
      const length = view.getUint32(at, true);
      const type = view.getUint16(at + 4, true);
      const body = datagram.slice(at + 16, at + length);
      const head = `flags ${view.getUint16(at + 6, true).toString(16)}`;
      if (type === 3 || type === 2) lines.push(`${type === 3 ? 'DONE' : 'ERROR'} ${view.getInt32(at + 16, true)}`);
      else lines.push(`${head} ${body[0] === AF.UNIX ? this.unixText(body, names) : body[0] === AF.PACKET ? packetText(body, names) : this.inetText(body, names)}`);
      at += (length + 3) & ~3;
    }
    return lines;
  }

  private port(port: number): string {
    return this.ports.get(port) ?? (port >= LOWEST_AUTOMATIC ? 'a port' : String(port));
  }

  private inetText(body: Uint8Array, names: ReadonlyMap<number, string>): string {
    const view = new DataView(body.buffer);
    const [family, state, timer, retransmits] = body;
    const queues = state === 10 ? [view.getUint32(56, true), view.getUint32(60, true)] : [view.getUint32(56, true), 'sent'];
    const owner = `uid ${view.getUint32(64, true)} ${names.get(view.getUint32(68, true)) ?? 'another'}`;
    const values = attributesText(body.subarray(72), INET_ATTRIBUTES, (_type, value) => hex(value));
    return `${family} state ${state} timer ${timer},${retransmits} ${this.port(view.getUint16(4))}>${this.port(view.getUint16(6))} ` +
      `${hex(body.subarray(8, 24))}>${hex(body.subarray(24, 40))} on ${view.getUint32(40, true)} ${queues.join()} ${owner} ${values}`;
  }

  private unixText(body: Uint8Array, names: ReadonlyMap<number, string>): string {
    const view = new DataView(body.buffer);
    const inode = (at: Uint8Array): string => {
      const inodes = new Uint32Array(at.slice().buffer);
      return [...inodes].map((number) => names.get(number) ?? 'another').join();
    };
    const values = attributesText(body.subarray(16), [...UNIX_ATTRIBUTES, 2], (type, value) => (type === 2 || type === 3 ? inode(value) : hex(value)));
    return `type ${body[1]} state ${body[2]} ${names.get(view.getUint32(4, true)) ?? 'another'} ${values}`;
  }
}

function packetText(body: Uint8Array, names: ReadonlyMap<number, string>): string {
  const view = new DataView(body.buffer);
  return `type ${body[1]} of ${view.getUint16(2, true)} ${names.get(view.getUint32(4, true)) ?? 'another'} ${attributesText(body.subarray(16), [0, 5], (_type, value) => hex(value))}`;
}

const tcp = [...FAMILIES, MAPPED].map((family) => program(`sock-diag-tcp-${family.name}`, async (env) => {
  const p = await env.process();
  const asker = await Asker.open(env, p);
  const listener = await p.socket(family.domain, SOCK.STREAM, 0);
  await p.setsockopt(listener, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
  await p.bind(listener, family.loopback(PORT));
  const show = async (what: string): Promise<void> => {
    await env.settle(100);
    for (const domain of [AF.INET, AF.INET6]) await asker.ask(`${what} ${domain}`, inetRequest(domain, IPPROTO.TCP));
  };
  await p.listen(listener, 3);
  const clients: number[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await p.socket(family.domain, SOCK.STREAM, 0);
    await p.setsockopt(client, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
    await p.connect(client, family.loopback(PORT));
    clients.push(client);
  }
  await show('three wait');
  const { fd: server } = await p.accept(listener);
  await p.send(clients[0] as number, text('not read yet'), 0);
  await p.setsockopt(clients[1] as number, SOL.SOCKET, SO.KEEPALIVE, ints(1));
  await show('one accepted');
  await p.shutdown(clients[0] as number, SHUT.WR);
  await show('half-closed');
  await asker.ask('listeners alone', inetRequest(family.domain, IPPROTO.TCP, 1 << 10));
  await asker.ask('established', inetRequest(family.domain, IPPROTO.TCP, 1 << 1, 0));
  await asker.ask('no state', inetRequest(family.domain, IPPROTO.TCP, 0));
  await asker.ask('its own port', inetRequest(family.domain, IPPROTO.TCP, ALL, 0, [PORT, 0]));
  await asker.ask("the peer's port", inetRequest(family.domain, IPPROTO.TCP, ALL, 0, [0, PORT]));
  await p.recv(server, room(100), 0);
  await p.close(server);
  await p.close(clients[0] as number);
  await show('closed');
}));

const datagrams = program('sock-diag-udp', async (env) => {
  const p = await env.process();
  const asker = await Asker.open(env, p);
  await dgram(p, INET);
  await p.bind(await dgram(p, INET), INET.any(PORT));
  await p.bind(await dgram(p, INET6), INET6.loopback(PORT));
  await p.connect(await dgram(p, INET), INET.loopback(PORT));
  await p.connect(await dgram(p, MAPPED), MAPPED.loopback(PORT));
  for (const domain of [AF.INET, AF.INET6]) {
    await asker.ask(`of ${domain}`, inetRequest(domain, IPPROTO.UDP));
    await asker.ask(`of ${domain}, connected`, inetRequest(domain, IPPROTO.UDP, 1 << 1));
  }
});

const unix = program('sock-diag-unix', async (env) => {
  const p = await env.process();
  const asker = await Asker.open(env, p);
  const listener = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(listener, un('u'));
  await p.listen(listener, 2);
  for (let i = 0; i < 2; i++) {
    const client = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    await p.connect(client, un('u'));
  }
  await asker.ask('two wait', unixRequest());
  const { fd } = await p.accept(listener);
  await p.send(fd, text('five!'), 0);
  const [one] = await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.shutdown(one, SHUT.WR);
  await p.bind(await p.socket(AF.UNIX, SOCK.DGRAM, 0), Uint8Array.of(AF.UNIX, 0, 0, 65, 0, 66));
  await asker.ask('all', unixRequest());
  for (const state of [1, 7, 10]) await asker.ask(`state ${state}`, unixRequest(1 << state));
  await asker.ask('nothing shown', unixRequest(ALL, 0, 0));
  const { ino } = await silently(p).fstat(listener);
  await asker.ask('one', unixRequest(ALL, ino), F.REQUEST);
  await asker.ask('one, acknowledged', unixRequest(ALL, ino), F.REQUEST | F.ACK);
  await asker.ask('another cookie', unixRequest(ALL, ino, 0xff, [77777, 0]), F.REQUEST);
  await asker.ask('none', unixRequest(ALL, 0), F.REQUEST);
  await asker.ask('a number that is none', unixRequest(ALL, 0xfffffff0), F.REQUEST);
});

const packets = program('sock-diag-packet', async (env) => {
  const p = await env.process();
  const asker = await Asker.open(env, p);
  await p.socket(AF.PACKET, SOCK.RAW, 0x0300);
  await p.socket(AF.PACKET, SOCK.DGRAM, 0);
  const request = (protocol: number, show: number): Uint8Array => packed([AF.PACKET, 1], [protocol, 1], [0, 2], [0, 4], [show, 4], [ALL, 4], [ALL, 4]);
  await asker.ask('all', request(0, 1));
  await asker.ask('a protocol', request(3, 1));
  await asker.ask('one', request(0, 1), F.REQUEST);
});

const refusals = program('sock-diag-refusals', async (env) => {
  const p = await env.process();
  const asker = await Asker.open(env, p);
  const both: readonly (readonly [string, number])[] = [['dump', F.REQUEST | F.DUMP], ['single', F.REQUEST]];
  for (const [what, flags] of both) {
    for (const length of [0, 1, 2, 20, 55]) await asker.ask(`${what} of ${length} bytes`, inetRequest(AF.INET, IPPROTO.TCP).subarray(0, length), flags);
    for (const length of [2, 23]) await asker.ask(`${what} of AF_UNIX, ${length} bytes`, unixRequest().subarray(0, length), flags);
    for (const family of [0, 3, 45, 46, 200]) await asker.ask(`${what} of family ${family}`, inetRequest(family, IPPROTO.TCP), flags);
    for (const protocol of [0, 2, 99]) await asker.ask(`${what} of protocol ${protocol}`, inetRequest(AF.INET, protocol), flags);
    for (const type of [16, 17, 19, 22, 100]) await asker.ask(`${what} of type ${type}`, inetRequest(AF.INET, IPPROTO.TCP), flags, type);
    await asker.ask(`${what} destroys a local one`, unixRequest(), flags, DESTROY);
  }
  await asker.ask('no socket has these ends', inetRequest(AF.INET, IPPROTO.TCP, ALL, 0, [PORT, PORT + 1]), F.REQUEST);
  await asker.ask('protocol as an attribute', joined(inetRequest(AF.INET, 0), attribute(3, u32(IPPROTO.UDP))));
});

export const programs: readonly Program[] = [...tcp, datagrams, unix, packets, refusals];
