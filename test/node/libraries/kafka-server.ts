/**
 * As much of a Kafka broker as the test of its client asks for (Kafka's "Protocol guide"): one broker, topics of one partition that are
 * made when they are asked for, produce and fetch of record batches as they came, and groups of one member, who is forgotten when it
 * has not been heard for its session's time.
 */
import { createServer, type Socket } from 'node:net';

export const KAFKA_PORT = 9092;

const NODE_ID = 0;
const Api = {
  Produce: 0, Fetch: 1, ListOffsets: 2, Metadata: 3, OffsetCommit: 8, OffsetFetch: 9, FindCoordinator: 10, JoinGroup: 11, Heartbeat: 12,
  LeaveGroup: 13, SyncGroup: 14, ApiVersions: 18,
} as const;
/** The one version of each that is spoken; of ApiVersions those up to it. */
const VERSIONS: Readonly<Record<number, number>> = {
  [Api.Produce]: 3, [Api.Fetch]: 4, [Api.ListOffsets]: 1, [Api.Metadata]: 1, [Api.OffsetCommit]: 2, [Api.OffsetFetch]: 1,
  [Api.FindCoordinator]: 0, [Api.JoinGroup]: 0, [Api.Heartbeat]: 0, [Api.LeaveGroup]: 0, [Api.SyncGroup]: 0, [Api.ApiVersions]: 2,
};
const NONE = 0, OFFSET_OUT_OF_RANGE = 1, UNKNOWN_MEMBER_ID = 25;
const EARLIEST = -2;

const int8 = (value: number): Buffer => Buffer.from([value & 255]);
const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255]);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const text = (value: string | null): Buffer => {
  return value === null ? int16(-1) : Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
};
const bytes = (value: Buffer): Buffer => Buffer.concat([int32(value.length), value]);
const array = (values: readonly Buffer[]): Buffer => Buffer.concat([int32(values.length), ...values]);

class Reader {
  private at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  private take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Error('a request ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  int8 = (): number => this.take(1).readInt8();
  int16 = (): number => this.take(2).readInt16BE();
  int32 = (): number => this.take(4).readInt32BE();
  int64 = (): number => Number(this.take(8).readBigInt64BE());
  blob = (): Buffer => this.take(this.int32());

  text = (): string | null => {
    const length = this.int16();
    return length < 0 ? null : this.take(length).toString();
  };

  /** Of -1 there are none either. */
  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(this.int32(), 0) }, read);
  }
}

interface Batch {
  readonly offset: number;
  readonly count: number;
  /** With `offset` at its beginning, which the checksum does not cover. */
  readonly bytes: Buffer;
}

class Topic {
  readonly batches: Batch[] = [];
  end = 0;
  /** Called when something is appended. */
  readonly waiting: Set<() => void> = new Set();

  append(records: Buffer): number {
    const offset = this.end;
    const kept = Buffer.from(records);
    kept.writeBigInt64BE(BigInt(offset), 0);
    const count = kept.readInt32BE(57);
    this.batches.push({ offset, count, bytes: kept });
    this.end += count;
    for (const wake of [...this.waiting]) wake();
    return offset;
  }

  from(offset: number): Buffer {
    return Buffer.concat(this.batches.filter((batch) => batch.offset + batch.count > offset).map((batch) => batch.bytes));
  }
}

class Group {
  generation = 0;
  member: string | null = null;
  assignment: Buffer = Buffer.alloc(0);
  readonly offsets: Map<string, number> = new Map();
  private sessionMs = 0;
  private timer: NodeJS.Timeout | null = null;

  join(member: string, sessionMs: number): string {
    this.member = member === '' || member !== this.member ? `member-${this.generation + 1}` : member;
    this.generation++;
    this.sessionMs = sessionMs;
    this.heard(this.member);
    return this.member;
  }

  /** A sign of life; an error where it comes from nobody. */
  heard(member: string): number {
    if (member !== this.member) return UNKNOWN_MEMBER_ID;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.leave(), this.sessionMs);
    return NONE;
  }

  leave(): void {
    this.member = null;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

type Answer = Buffer | Promise<Buffer>;

class Broker {
  private readonly host: string;
  private readonly topics: Map<string, Topic> = new Map();
  private readonly groups: Map<string, Group> = new Map();

  constructor(host: string) {
    this.host = host;
  }

  private topic(name: string): Topic {
    const topic = this.topics.get(name) ?? new Topic();
    this.topics.set(name, topic);
    return topic;
  }

  private group(name: string | null): Group {
    const group = this.groups.get(name ?? '') ?? new Group();
    this.groups.set(name ?? '', group);
    return group;
  }

  answer(api: number, version: number, request: Reader): Answer {
    switch (api) {
      case Api.ApiVersions: {
        const list = Object.entries(VERSIONS).map(([key, most]) => Buffer.concat([int16(Number(key)), int16(most), int16(most)]));
        return Buffer.concat([int16(NONE), array(list), version > 0 ? int32(0) : Buffer.alloc(0)]);
      }
      case Api.Metadata:
        return this.metadata(request);
      case Api.Produce:
        return this.produce(request);
      case Api.Fetch:
        return this.fetch(request);
      case Api.ListOffsets:
        request.int32();
        return array(this.partitions(request, (topic) => {
          const time = request.int64();
          return Buffer.concat([int16(NONE), int64(-1), int64(time === EARLIEST ? 0 : topic.end)]);
        }));
      case Api.FindCoordinator:
        return Buffer.concat([int16(NONE), int32(NODE_ID), text(this.host), int32(KAFKA_PORT)]);
      default:
        return this.grouped(api, this.group(request.text()), request);
    }
  }

  /** `[topic [partition ...]]`, read and written: `answer` reads the rest of one and gives what stands behind its number. */
  private partitions(request: Reader, answer: (topic: Topic, name: string) => Buffer): Buffer[] {
    return request.array(() => {
      const name = request.text() as string;
      return Buffer.concat([text(name), array(request.array(() => {
        const number = request.int32();
        return Buffer.concat([int32(number), answer(this.topic(name), name)]);
      }))]);
    });
  }

  private metadata(request: Reader): Buffer {
    const names = request.array(() => request.text() as string);
    const self = Buffer.concat([int32(NODE_ID), text(this.host), int32(KAFKA_PORT), text(null)]);
    const here = array([int32(NODE_ID)]);
    const partition = Buffer.concat([int16(NONE), int32(0), int32(NODE_ID), here, here]);
    const topics = (names.length > 0 ? names : [...this.topics.keys()]).map((name) => {
      this.topic(name);
      return Buffer.concat([int16(NONE), text(name), int8(0), array([partition])]);
    });
    return Buffer.concat([array([self]), int32(NODE_ID), array(topics)]);
  }

  private produce(request: Reader): Buffer {
    request.text();
    request.int16();
    request.int32();
    const topics = this.partitions(request, (topic) => Buffer.concat([int16(NONE), int64(topic.append(request.blob())), int64(-1)]));
    return Buffer.concat([array(topics), int32(0)]);
  }

  /** Waits for records, as long as it was asked to. */
  private async fetch(request: Reader): Promise<Buffer> {
    request.int32();
    const waitMs = request.int32();
    request.int32();
    request.int32();
    request.int8();
    const asked = request.array(() => ({
      name: request.text() as string,
      parts: request.array(() => ({ number: request.int32(), offset: request.int64(), most: request.int32() })),
    }));
    const topics = asked.map(({ name }) => this.topic(name));
    const hasSome = (): boolean => asked.some(({ parts }, at) => parts.some(({ offset }) => topics[at]?.end !== offset));
    if (!hasSome()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          for (const topic of topics) topic.waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, waitMs);
        for (const topic of topics) topic.waiting.add(wake);
      });
    }
    const answers = asked.map(({ name, parts }) => {
      const topic = this.topic(name);
      return Buffer.concat([text(name), array(parts.map(({ number, offset }) => {
        const error = offset > topic.end ? OFFSET_OUT_OF_RANGE : NONE;
        return Buffer.concat([int32(number), int16(error), int64(topic.end), int64(topic.end), array([]), bytes(topic.from(offset))]);
      }))]);
    });
    return Buffer.concat([int32(0), array(answers)]);
  }

  private grouped(api: number, group: Group, request: Reader): Buffer {
    switch (api) {
      case Api.JoinGroup: {
        const sessionMs = request.int32();
        const member = group.join(request.text() as string, sessionMs);
        request.text();
        const [first] = request.array(() => ({ name: request.text(), metadata: request.blob() }));
        const members = array([Buffer.concat([text(member), bytes(first?.metadata ?? Buffer.alloc(0))])]);
        return Buffer.concat([int16(NONE), int32(group.generation), text(first?.name ?? ''), text(member), text(member), members]);
      }
      case Api.SyncGroup: {
        request.int32();
        const error = group.heard(request.text() as string);
        const [first] = request.array(() => ({ member: request.text(), assignment: request.blob() }));
        if (error === NONE && first !== undefined) group.assignment = first.assignment;
        return Buffer.concat([int16(error), bytes(error === NONE ? group.assignment : Buffer.alloc(0))]);
      }
      case Api.Heartbeat:
        request.int32();
        return int16(group.heard(request.text() as string));
      case Api.LeaveGroup:
        group.leave();
        return int16(NONE);
      case Api.OffsetFetch:
        return array(this.partitions(request, (_, name) => Buffer.concat([int64(group.offsets.get(name) ?? -1), text(null), int16(NONE)])));
      case Api.OffsetCommit: {
        request.int32();
        const error = group.heard(request.text() as string);
        request.int64();
        return array(this.partitions(request, (_, name) => {
          const offset = request.int64();
          request.text();
          if (error === NONE) group.offsets.set(name, offset);
          return int16(error);
        }));
      }
      default:
        throw new Error(`request ${api}`);
    }
  }
}

function serve(socket: Socket, broker: Broker): void {
  let waiting = Buffer.alloc(0);
  let last: Promise<void> = Promise.resolve();
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const end = 4 + waiting.readInt32BE(0);
      const request = new Reader(waiting.subarray(4, end));
      waiting = waiting.subarray(end);
      const [api, version, id] = [request.int16(), request.int16(), request.int32()];
      request.text();
      // Requests of a connection are answered in their order.
      last = last.then(async () => {
        const answer = await broker.answer(api, version, request);
        socket.write(bytes(Buffer.concat([int32(id), answer])));
      });
    }
  });
}

/** The program: `server.run(() => serveKafka('server'))`, with the name that clients are told. Topics and groups stay as long as it runs. */
export function serveKafka(host: string): void {
  const broker = new Broker(host);
  createServer((socket) => serve(socket, broker)).listen(KAFKA_PORT);
}
