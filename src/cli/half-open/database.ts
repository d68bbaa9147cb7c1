/**
 * A small server of PostgreSQL's protocol (version 3), written with node:net as anybody would: it lets everybody in and
 * answers every query with one row that holds the query's text. What the demo's client, an unchanged `pg`, talks to.
 *
 * Messages are a letter, a length of four bytes that counts itself, and the body; the client's first one has no letter
 * (PostgreSQL's manual, "Frontend/Backend Protocol").
 */
import { createServer, type Socket } from 'node:net';

export const DATABASE_PORT = 5432;

const TEXT_TYPE = 25;
const READY = message('Z', Buffer.from('I'));
/** AuthenticationOk. */
const WELCOME = Buffer.concat([message('R', Buffer.alloc(4)), READY]);

function message(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** One row of one column. */
function answer(text: string): Buffer {
  const column = Buffer.alloc(18);
  column.writeUInt32BE(TEXT_TYPE, 6);
  column.writeInt16BE(-1, 10);
  column.writeInt32BE(-1, 12);
  const description = Buffer.concat([Buffer.from([0, 1]), Buffer.from('answer\0'), column]);
  const value = Buffer.from(text);
  const row = Buffer.alloc(6);
  row.writeUInt16BE(1, 0);
  row.writeUInt32BE(value.length, 2);
  return Buffer.concat([message('T', description), message('D', Buffer.concat([row, value])), message('C', Buffer.from('SELECT 1\0')), READY]);
}

function serve(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  let hasBegun = false;
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    for (;;) {
      const at = hasBegun ? 1 : 0;
      if (waiting.length < at + 4) return;
      const end = at + waiting.readUInt32BE(at);
      if (waiting.length < end) return;
      const letter = hasBegun ? String.fromCharCode(waiting[0] as number) : 'begin';
      const body = waiting.subarray(at + 4, end);
      waiting = waiting.subarray(end);
      hasBegun = true;
      if (letter === 'begin') socket.write(WELCOME);
      else if (letter === 'Q') socket.write(answer(body.subarray(0, -1).toString()));
      else if (letter === 'X') socket.end();
    }
  });
}

/** The program: `database.run(serveDatabase)`. */
export function serveDatabase(): void {
  createServer(serve).listen(DATABASE_PORT);
}
