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
