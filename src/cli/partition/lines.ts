/** Messages of the partition demo: JSON, one a line, over a socket of node:net. Called by link.ts, replica.ts and client.ts. */
import type { Socket } from 'node:net';

/** Calls `heard` with each message that comes. */
export function onMessage<T>(socket: Socket, heard: (message: T) => void): void {
  let begun = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (begun + text).split('\n');
    begun = lines.pop() as string;
    for (const line of lines) heard(JSON.parse(line) as T);
  });
}

export function sendMessage(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
