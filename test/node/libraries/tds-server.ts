/**
 * As much of a SQL Server as the test of its client asks for ([MS-TDS]): prelogin without encryption, a login that lets everybody in,
 * batches and sp_executesql, which are answered by one row with the statement's text, and attention. `waitfor delay '00:00:10'` takes
 * its time, unless it is cancelled.
 */
import { createServer, type Socket } from 'node:net';

export const TDS_PORT = 1433;

const SQL_BATCH = 1, RPC = 3, RESULT = 4, ATTENTION = 6, LOGIN7 = 16, PRELOGIN = 18;
const END_OF_MESSAGE = 1;
const HEAD_LEN = 8;
const PACKET_MAX = 4096;

const COLMETADATA = 0x81, LOGINACK = 0xad, ROW = 0xd1, DONE = 0xfd, DONEPROC = 0xfe;
const NVARCHAR = 0xe7;
const DONE_COUNT = 0x10, DONE_ATTENTION = 0x20;
const VERSION_7_4 = [0x74, 0, 0, 4];
const COLLATION = [9, 4, 0xd0, 0, 0x34];
/** SQL Server 2019's number, and no encryption. */
const PRELOGIN_ANSWER = Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 7, 0xd0, 0, 0, 2]);

const uint16 = (value: number): number[] => [value & 255, value >> 8];
const wide = (value: string): Buffer => Buffer.from(value, 'utf16le');
/** A text with its length in characters before it, in one byte. */
const short = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), wide(value)]);
const done = (token: number, status: number, rows: number): Buffer => Buffer.from([token, ...uint16(status), 0, 0, rows, 0, 0, 0, 0, 0, 0, 0]);

function loginAnswer(): Buffer {
  const ack = Buffer.concat([Buffer.from([1, ...VERSION_7_4]), short('SQL Server'), Buffer.from([15, 0, 7, 0xd0])]);
  return Buffer.concat([Buffer.from([LOGINACK, ...uint16(ack.length)]), ack, done(DONE, 0, 0)]);
}

/** A table of one row with one column. */
function row(value: string, end: number): Buffer {
  const bytes = wide(value);
  const type = Buffer.from([COLMETADATA, 1, 0, 0, 0, 0, 0, 0, 0, NVARCHAR, ...uint16(8000), ...COLLATION]);
  const cells = Buffer.concat([Buffer.from([ROW, ...uint16(bytes.length)]), bytes]);
  return Buffer.concat([type, short('answer'), cells, done(end, DONE_COUNT, 1)]);
}

/** The statement of a batch: behind all its headers. */
const batchText = (body: Buffer): string => body.subarray(body.readUInt32LE(0)).toString('utf16le');

/** The statement of sp_executesql: its first parameter, an nvarchar of a known or of no fixed length. */
function executeText(body: Buffer): string {
  // Behind the headers: the procedure's number, options, then the parameter's name and its status.
  let at = body.readUInt32LE(0) + 6;
  at += 2 + (body[at] as number) * 2;
  const most = body.readUInt16LE(at + 1);
  at += 3 + COLLATION.length;
  if (most !== 0xffff) return body.subarray(at + 2, at + 2 + body.readUInt16LE(at)).toString('utf16le');
  let text = '';
  for (at += 8; body.readUInt32LE(at) > 0; at += 4 + body.readUInt32LE(at)) {
    text += body.subarray(at + 4, at + 4 + body.readUInt32LE(at)).toString('utf16le');
  }
  return text;
}

function serve(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  let message = Buffer.alloc(0);
  let working: NodeJS.Timeout | null = null;

  function send(body: Buffer): void {
    const room = PACKET_MAX - HEAD_LEN;
    for (let at = 0; at < body.length; at += room) {
      const part = body.subarray(at, at + room);
      const isLast = at + room >= body.length;
      const length = HEAD_LEN + part.length;
      const head = Buffer.from([RESULT, isLast ? END_OF_MESSAGE : 0, length >> 8, length & 255, 0, 0, at / room + 1, 0]);
      socket.write(Buffer.concat([head, part]));
    }
  }

  function execute(text: string, end: number): void {
    const delay = /waitfor delay '00:00:(\d+)'/.exec(text);
    if (delay === null) return send(text.startsWith('set ') ? done(end, 0, 0) : row(text, end));
    working = setTimeout(() => {
      working = null;
      send(row(text, end));
    }, Number(delay[1]) * 1000);
  }

  function received(type: number, body: Buffer): void {
    if (type === PRELOGIN) send(PRELOGIN_ANSWER);
    else if (type === LOGIN7) send(loginAnswer());
    else if (type === SQL_BATCH) execute(batchText(body), DONE);
    else if (type === RPC) execute(executeText(body), DONEPROC);
    else if (type === ATTENTION) {
      // The answer that was coming ends; the acknowledgement is a message of its own.
      if (working !== null) {
        clearTimeout(working);
        working = null;
        send(done(DONE, 0, 0));
      }
      send(done(DONE, DONE_ATTENTION, 0));
    }
  }

  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= HEAD_LEN && waiting.length >= waiting.readUInt16BE(2)) {
      const packet = waiting.subarray(0, waiting.readUInt16BE(2));
      waiting = waiting.subarray(packet.length);
      message = Buffer.concat([message, packet.subarray(HEAD_LEN)]);
      if (((packet[1] as number) & END_OF_MESSAGE) === 0) continue;
      const whole = message;
      message = Buffer.alloc(0);
      received(packet[0] as number, whole);
    }
  });
}

/** The program: `server.run(serveTds)`. */
export function serveTds(): void {
  createServer(serve).listen(TDS_PORT);
}
