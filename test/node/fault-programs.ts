/**
 * The programs that faults.test.ts watches: a client and a server written with Node's own net, unchanged. The same text runs on
 * a host of a world, and as a Node process of its own on Linux, so each function stands for itself: it uses nothing but its
 * arguments.
 */
import type * as Net from 'node:net';

/** What a program says, a line each. */
export type Tell = (what: string) => void;
/** What it is told to do. */
export type Commands = (listener: (command: string) => void) => void;

/** Connects and says what happens to it. Commands: `write TEXT`, `end`, `keepalive`. */
export function client(net: typeof Net, address: string, port: number, tell: Tell, commands: Commands): void {
  const socket = net.connect({ host: address, port });
  let received = 0;
  socket.on('connect', () => tell('connect'));
  socket.on('data', (data) => {
    received += data.length;
    tell(`data ${data.toString().slice(0, 20)}`);
  });
  socket.on('end', () => tell('end'));
  socket.on('error', (error: NodeJS.ErrnoException) => tell(`error ${error.syscall} ${error.code}`));
  socket.on('close', (hadError) => tell(`close ${hadError} after ${received} bytes`));
  commands((command) => {
    if (command === 'end') socket.end();
    else if (command.startsWith('write ')) socket.write(command.slice(6));
    else if (command.startsWith('fill ')) socket.write(Buffer.alloc(Number(command.slice(5)), 'x'));
  });
}

/**
 * Connects, and says how what it sent came back. Commands: `send LENGTH`, which sends so many bytes that tell their place, and ends.
 */
export function transfer(net: typeof Net, address: string, port: number, tell: Tell, commands: Commands): void {
  const byteAt = (i: number): number => (i ^ (i >> 8) ^ (i >> 16)) & 0xff;
  const socket = net.connect({ host: address, port });
  let received = 0;
  let wrongAt = -1;
  socket.on('connect', () => tell('connect'));
  socket.on('data', (data) => {
    for (const byte of data) {
      if (byte !== byteAt(received) && wrongAt < 0) wrongAt = received;
      received++;
    }
  });
  socket.on('end', () => tell(`end after ${received} bytes, ${wrongAt < 0 ? 'each in its place' : `wrong from ${wrongAt} on`}`));
  socket.on('error', (error: NodeJS.ErrnoException) => tell(`error ${error.syscall} ${error.code}`));
  socket.on('close', (hadError) => tell(`close ${hadError} after ${received} bytes`));
  commands((command) => {
    if (command.startsWith('send ')) socket.end(Buffer.from(Array.from({ length: Number(command.slice(5)) }, (_, i) => byteAt(i))));
  });
}

/** Answers what it is sent by the same. Commands: `write TEXT` to everybody who is there. */
export function server(net: typeof Net, backlog: number, port: number, tell: Tell, commands: Commands): void {
  const there = new Set<Net.Socket>();
  const listener = net.createServer((socket) => {
    there.add(socket);
    tell('connection');
    socket.on('data', (data) => {
      tell(`data ${data.toString().slice(0, 20)}`);
      socket.write(data);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => tell(`error ${error.syscall} ${error.code}`));
    socket.on('close', () => {
      there.delete(socket);
      tell('close');
    });
  });
  listener.listen({ port, host: '0.0.0.0', backlog }, () => tell('listening'));
  commands((command) => {
    if (command.startsWith('write ')) for (const socket of there) socket.write(command.slice(6));
  });
}

/** What a name server does with a question; `late`: nothing with the first of each kind, and after that its duty. */
export type NameServerDoes = 'answers' | 'silent' | 'late' | 'servfail' | 'refused' | 'nxdomain' | 'nodata';

/** A name server that knows of every name that it is 10.0.1.2, and does one thing. Says what it is asked, and at once does it. */
export function nameServer(dgram: typeof import('node:dgram'), address: string, does: NameServerDoes, tell: Tell): void {
  const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' };
  const RCODES: Readonly<Record<string, number>> = { servfail: 2, refused: 5, nxdomain: 3 };
  const asked = new Set<number>();
  const socket = dgram.createSocket('udp4');
  socket.on('message', (query, { port, address: from }) => {
    let end = 12;
    while (query[end] !== 0) end += (query[end] as number) + 1;
    end += 5;
    const type = query.readUInt16BE(end - 4);
    tell(`asked ${TYPES[type] ?? type}`);
    if (does === 'silent' || (does === 'late' && !asked.has(type))) return void asked.add(type);
    const isKnown = type === 1 && (does === 'answers' || does === 'late');
    // The question again, without what may stand behind it (EDNS).
    const answer = Buffer.concat([query.subarray(0, end), isKnown ? Buffer.from('c00c00010001000000000004' + '0a000102', 'hex') : Buffer.alloc(0)]);
    answer.writeUInt16BE(0x8180 | (RCODES[does] ?? 0), 2);
    answer.writeUInt16BE(isKnown ? 1 : 0, 6);
    answer.fill(0, 8, 12);
    socket.send(answer, port, from);
  });
  socket.bind(53, address, () => tell('listening'));
}

/** Looks a name up in three ways, one after the other, and says what came of each, and after how many seconds. */
export function lookUp(
  dns: typeof import('node:dns'), net: typeof Net, name: string, resolving: { timeout: number; tries: number }, tell: (what: string, seconds: number) => void,
): void {
  let begun = performance.now();
  const told = (what: string): void => {
    tell(what, (performance.now() - begun) / 1000);
    begun = performance.now();
  };
  const words = (error: NodeJS.ErrnoException): string => `${error.syscall} ${error.code}`;
  dns.lookup(name, (lookupError, address) => {
    told(`lookup: ${lookupError === null ? address : `${words(lookupError)} ${lookupError.errno}`}`);
    new dns.Resolver(resolving).resolve4(name, (resolveError, addresses) => {
      told(`resolve4: ${resolveError === null ? addresses.join() : words(resolveError)}`);
      const socket = net.connect({ host: name, port: 80 });
      socket.on('connect', () => {
        told(`connect: ${socket.remoteAddress}`);
        socket.destroy();
      });
      socket.on('error', (error) => told(`connect: ${words(error)}`));
      socket.on('close', (hadError) => told(`close ${hadError}`));
    });
  });
}

/** What firewall-rules.test.ts tries: a connection or a datagram from an address to a port. */
export interface Probe {
  readonly protocol: 'tcp' | 'udp';
  readonly from: string;
  readonly port: number;
}

/** Tries all at once; tells for each what came: an answer, an error's code, or silence within `patienceMs`. */
export function probes(
  net: typeof Net, dgram: typeof import('node:dgram'), to: string, list: readonly Probe[], patienceMs: number, tell: (said: string[]) => void,
): void {
  const said: string[] = [];
  let open = list.length;
  list.forEach(({ protocol, from, port }, n) => {
    const name = `${protocol} ${from} ${port}`;
    let isOver = false;
    const over = (what: string): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      said[n] = `${name} ${what}`;
      end();
      if (--open === 0) tell(said);
    };
    let end = (): void => {};
    const timer = setTimeout(() => over('silence'), patienceMs);
    if (protocol === 'tcp') {
      const socket = net.connect({ host: to, port, localAddress: from });
      end = () => socket.destroy();
      socket.on('data', () => over('answer'));
      socket.on('error', (error: NodeJS.ErrnoException) => over(String(error.code)));
      socket.on('end', () => over('end'));
      return;
    }
    const socket = dgram.createSocket('udp4');
    end = () => socket.close();
    socket.on('message', () => over('answer'));
    socket.on('error', (error: NodeJS.ErrnoException) => over(String(error.code)));
    socket.bind(0, from, () => socket.connect(port, to, () => socket.send('hello')));
  });
}
