/**
 * As much of a MySQL server as the test of its client asks for: a handshake that lets everybody in, and COM_QUERY, which is answered
 * by one row with the query's text (MySQL's manual, "Client/Server Protocol").
 */
import { createServer, type Socket } from 'node:net';

export const MYSQL_PORT = 3306;

const COM_QUIT = 1;
const COM_QUERY = 3;
/** CLIENT_LONG_PASSWORD, PROTOCOL_41, CONNECT_WITH_DB, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH. */
const CAPABILITIES = 0x1 | 0x200 | 0x8 | 0x2000 | 0x8000 | 0x80000;
const UTF8MB4 = 45;
const AUTOCOMMIT = 2;
const VAR_STRING = 253;
const OK = Buffer.from([0, 0, 0, AUTOCOMMIT, 0, 0, 0]);
const EOF = Buffer.from([0xfe, 0, 0, AUTOCOMMIT, 0]);

function packet(body: Buffer, sequence: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, body]);
}

/** A string with its length before it; shorter than 251 bytes. */
const text = (value: string): Buffer => Buffer.concat([Buffer.from([Buffer.byteLength(value)]), Buffer.from(value)]);

function greeting(): Buffer {
  const fixed = Buffer.alloc(18);
  fixed.writeUInt16LE(CAPABILITIES & 0xffff, 0);
  fixed[2] = UTF8MB4;
  fixed.writeUInt16LE(AUTOCOMMIT, 3);
  fixed.writeUInt16LE(CAPABILITIES >>> 16, 5);
  // The length of the challenge in both parts.
  fixed[7] = 21;
  const id = Buffer.from([1, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from([10]), Buffer.from('8.0.0\0'), id, Buffer.from('12345678\0'), fixed, Buffer.from('123456789012\0mysql_native_password\0'),
  ]);
}

function answer(query: string): Buffer {
  const type = Buffer.from([12, UTF8MB4, 0, 255, 0, 0, 0, VAR_STRING, 0, 0, 0, 0, 0]);
  const column = Buffer.concat([text('def'), text(''), text(''), text(''), text('answer'), text('answer'), type]);
  return Buffer.concat([Buffer.from([1]), column, EOF, text(query), EOF].map((part, n) => packet(part, n + 1)));
}

function serve(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  let isIn = false;
  socket.on('error', () => {});
  socket.write(packet(greeting(), 0));
  socket.on('data', (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUIntLE(0, 3)) {
      const end = 4 + waiting.readUIntLE(0, 3);
      const body = waiting.subarray(4, end);
      const sequence = (waiting[3] as number) + 1;
      waiting = waiting.subarray(end);
      if (!isIn) {
        isIn = true;
        socket.write(packet(OK, sequence));
      } else if (body[0] === COM_QUIT) socket.end();
      else if (body[0] === COM_QUERY) socket.write(answer(body.subarray(1).toString()));
      else socket.write(packet(OK, sequence));
    }
  });
}

/** The program: `server.run(serveMysql)`. */
export function serveMysql(): void {
  createServer(serve).listen(MYSQL_PORT);
}
