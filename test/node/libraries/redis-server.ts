/** As much of a Redis server as the tests of its clients ask for: RESP 2, a few commands, one database in memory. */
import { createServer, type Socket } from 'node:net';

export const REDIS_PORT = 6379;

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const INFO = '# Server\r\nredis_version:7.2.0\r\n# Replication\r\nrole:master\r\nloading:0\r\n';

/** One command in `text` from its start, and where the next begins; null when it is not all there yet. */
function parse(text: string): { words: string[]; end: number } | null {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return null;
  let at = head[0].length;
  const words: string[] = [];
  for (let n = Number(head[1]); n > 0; n--) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (length === null) return null;
    at += length[0].length;
    const end = at + Number(length[1]);
    if (text.length < end + 2) return null;
    words.push(text.slice(at, end));
    at = end + 2;
  }
  return { words, end: at };
}

/** The program: `server.run(serveRedis)`. What was set stays as long as it runs. */
export function serveRedis(): void {
  const values: Map<string, string> = new Map();
  function answer(words: readonly string[]): string {
    const [name = '', key = '', value = ''] = words;
    switch (name.toUpperCase()) {
      case 'PING':
        return '+PONG\r\n';
      case 'INFO':
        return bulk(INFO);
      case 'SET':
        values.set(key, value);
        return '+OK\r\n';
      case 'GET':
        return values.has(key) ? bulk(values.get(key) as string) : '$-1\r\n';
      case 'INCR':
        values.set(key, String(Number(values.get(key) ?? 0) + 1));
        return `:${values.get(key)}\r\n`;
      case 'CLIENT':
      case 'SELECT':
        return '+OK\r\n';
      default:
        return `-ERR unknown command '${name}'\r\n`;
    }
  }
  createServer((socket: Socket) => {
    let waiting = '';
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('data', (text) => {
      waiting += text;
      for (let one = parse(waiting); one !== null; one = parse(waiting)) {
        waiting = waiting.slice(one.end);
        socket.write(answer(one.words), 'latin1');
      }
    });
  }).listen(REDIS_PORT);
}
