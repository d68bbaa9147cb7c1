/**
 * As much of a MongoDB server as the test of its client asks for: hello in both of its forms, insert, and find by equal fields (MongoDB's
 * manual, "Wire Protocol"; bsonspec.org). Documents are kept as the bytes in which they came.
 */
import { createServer, type Socket } from 'node:net';

export const MONGO_PORT = 27017;

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_LEN = 16;
const MORE_TO_COME = 2;

const DOUBLE = 1, STRING = 2, DOCUMENT = 3, ARRAY = 4, BINARY = 5, OBJECT_ID = 7, BOOLEAN = 8, DATE = 9, NULL = 10, INT32 = 16, TIMESTAMP = 17, INT64 = 18;
const SIZES: Readonly<Record<number, number>> = {
  [DOUBLE]: 8, [OBJECT_ID]: 12, [BOOLEAN]: 1, [DATE]: 8, [NULL]: 0, [INT32]: 4, [TIMESTAMP]: 8, [INT64]: 8,
};

interface Value {
  readonly type: number;
  readonly bytes: Buffer;
}

const int32 = (value: number): Value => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { type: INT32, bytes };
};
const double = (value: number): Value => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { type: DOUBLE, bytes };
};
const string = (text: string): Value => ({ type: STRING, bytes: Buffer.concat([int32(Buffer.byteLength(text) + 1).bytes, Buffer.from(`${text}\0`)]) });
const yes: Value = { type: BOOLEAN, bytes: Buffer.from([1]) };
const noCursor: Value = { type: INT64, bytes: Buffer.alloc(8) };

function document(fields: Readonly<Record<string, Value>>, type: number = DOCUMENT): Value {
  const parts = Object.entries(fields).map(([name, { type, bytes }]) => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), bytes]));
  const body = Buffer.concat([...parts, Buffer.alloc(1)]);
  return { type, bytes: Buffer.concat([int32(body.length + 4).bytes, body]) };
}

const array = (values: readonly Buffer[]): Value => {
  return document(Object.fromEntries(values.map((bytes, at) => [String(at), { type: DOCUMENT, bytes }])), ARRAY);
};

function sizeOf(type: number, bytes: Buffer, at: number): number {
  if (type === STRING) return 4 + bytes.readInt32LE(at);
  if (type === DOCUMENT || type === ARRAY) return bytes.readInt32LE(at);
  if (type === BINARY) return 5 + bytes.readInt32LE(at);
  const size = SIZES[type];
  if (size === undefined) throw new Error(`a value of type ${type}`);
  return size;
}

/** The fields of a document, in their order. */
function fieldsOf(bytes: Buffer): Map<string, Value> {
  const fields: Map<string, Value> = new Map();
  for (let at = 4; bytes[at] !== 0;) {
    const type = bytes[at] as number;
    const end = bytes.indexOf(0, at + 1);
    const name = bytes.subarray(at + 1, end).toString();
    const size = sizeOf(type, bytes, end + 1);
    fields.set(name, { type, bytes: bytes.subarray(end + 1, end + 1 + size) });
    at = end + 1 + size;
  }
  return fields;
}

const textOf = (value: Value | undefined): string => value?.bytes.subarray(4, -1).toString() ?? '';
const documentsOf = (value: Value | undefined): Buffer[] => (value === undefined ? [] : [...fieldsOf(value.bytes).values()].map(({ bytes }) => bytes));

interface Command {
  readonly fields: Map<string, Value>;
  /** Documents that came behind the command, by the name of the field that they stand for. */
  readonly behind: Map<string, Buffer[]>;
}

/** The sections of an OP_MSG. */
function commandOf(body: Buffer): Command {
  let fields: Map<string, Value> = new Map();
  const behind: Map<string, Buffer[]> = new Map();
  for (let at = 4; at < body.length;) {
    const kind = body[at] as number;
    const size = body.readInt32LE(at + 1);
    const section = body.subarray(at + 1, at + 1 + size);
    at += 1 + size;
    if (kind === 0) {
      fields = fieldsOf(section);
      continue;
    }
    const end = section.indexOf(0, 4);
    const documents: Buffer[] = [];
    for (let next = end + 1; next < section.length; next += section.readInt32LE(next)) {
      documents.push(section.subarray(next, next + section.readInt32LE(next)));
    }
    behind.set(section.subarray(4, end).toString(), documents);
  }
  return { fields, behind };
}

const HELLO = document({
  helloOk: yes, isWritablePrimary: yes, ismaster: yes, maxBsonObjectSize: int32(16_777_216), maxMessageSizeBytes: int32(48_000_000),
  maxWriteBatchSize: int32(100_000), minWireVersion: int32(0), maxWireVersion: int32(21), ok: double(1),
}).bytes;

/** The program: `server.run(serveMongo)`. What was inserted stays as long as it runs. */
export function serveMongo(): void {
  const collections: Map<string, Buffer[]> = new Map();

  function answer({ fields, behind }: Command): Buffer {
    const [name = '', first] = fields.entries().next().value ?? [];
    const place = `${textOf(fields.get('$db'))}.${textOf(first)}`;
    const stored = collections.get(place) ?? [];
    switch (name) {
      case 'hello':
      case 'ismaster':
        return HELLO;
      case 'ping':
      case 'endSessions':
        return document({ ok: double(1) }).bytes;
      case 'insert': {
        const documents = behind.get('documents') ?? documentsOf(fields.get('documents'));
        collections.set(place, [...stored, ...documents]);
        return document({ n: int32(documents.length), ok: double(1) }).bytes;
      }
      case 'find': {
        const wanted = fieldsOf((fields.get('filter') as Value).bytes);
        const found = stored.filter((bytes) => {
          const has = fieldsOf(bytes);
          return [...wanted].every(([field, value]) => has.get(field)?.bytes.equals(value.bytes));
        });
        return document({ cursor: document({ firstBatch: array(found), id: noCursor, ns: string(place) }), ok: double(1) }).bytes;
      }
      default:
        return document({ ok: double(0), code: int32(59), errmsg: string(`no such command: '${name}'`) }).bytes;
    }
  }

  function reply(operation: number, body: Buffer): { operation: number; body: Buffer } | null {
    if (operation === OP_MSG) {
      const flags = body.readUInt32LE(0);
      const result = answer(commandOf(body));
      return (flags & MORE_TO_COME) !== 0 ? null : { operation: OP_MSG, body: Buffer.concat([Buffer.alloc(5), result]) };
    }
    if (operation !== OP_QUERY) throw new Error(`operation ${operation}`);
    // Flags, the collection's name, how many to leave out and to give, and the command.
    const command = body.subarray(body.indexOf(0, 4) + 9);
    const result = answer({ fields: fieldsOf(command), behind: new Map() });
    const head = Buffer.alloc(20);
    head.writeInt32LE(1, 16);
    return { operation: OP_REPLY, body: Buffer.concat([head, result]) };
  }

  createServer((socket: Socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      while (waiting.length >= HEADER_LEN && waiting.length >= waiting.readInt32LE(0)) {
        const message = waiting.subarray(0, waiting.readInt32LE(0));
        waiting = waiting.subarray(message.length);
        const back = reply(message.readInt32LE(12), message.subarray(HEADER_LEN));
        if (back === null) continue;
        const head = Buffer.alloc(HEADER_LEN);
        head.writeInt32LE(HEADER_LEN + back.body.length, 0);
        head.writeInt32LE(message.readInt32LE(4), 8);
        head.writeInt32LE(back.operation, 12);
        socket.write(Buffer.concat([head, back.body]));
      }
    });
  }).listen(MONGO_PORT);
}
