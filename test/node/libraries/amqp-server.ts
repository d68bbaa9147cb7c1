/**
 * As much of an AMQP broker as the test of its client asks for (AMQP 0-9-1, "General Specification" and its RabbitMQ extension for
 * confirms): everybody may in, queues by name on the default exchange, consumers, acknowledgements, heartbeats. What a connection
 * has not acknowledged goes to the next one.
 */
import { createServer, type Socket } from 'node:net';

export const AMQP_PORT = 5672;

/** Seconds between heartbeats that the broker asks for. */
const HEARTBEAT_S = 30;
const FRAME_MAX = 131_072;
const METHOD = 1, HEADER = 2, BODY = 3, HEARTBEAT = 8, FRAME_END = 0xce;
const PREAMBLE_LEN = 8;
const HEAD_LEN = 7;
/** Of data in a frame, with its head and its end. */
const BODY_MAX = FRAME_MAX - HEAD_LEN - 1;

/** Classes and methods, as class * 1000 + method. */
const CONNECTION_START = 10_010, CONNECTION_START_OK = 10_011, CONNECTION_TUNE = 10_030, CONNECTION_TUNE_OK = 10_031, CONNECTION_OPEN = 10_040;
const CONNECTION_OPEN_OK = 10_041, CONNECTION_CLOSE = 10_050, CONNECTION_CLOSE_OK = 10_051;
const CHANNEL_OPEN = 20_010, CHANNEL_OPEN_OK = 20_011, CHANNEL_CLOSE = 20_040, CHANNEL_CLOSE_OK = 20_041;
const QUEUE_DECLARE = 50_010, QUEUE_DECLARE_OK = 50_011;
const CONSUME = 60_020, CONSUME_OK = 60_021, PUBLISH = 60_040, DELIVER = 60_060, ACK = 60_080;
const CONFIRM_SELECT = 85_010, CONFIRM_SELECT_OK = 85_011;

const octet = (value: number): Buffer => Buffer.from([value]);
const short = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const longlong = (value: number): Buffer => Buffer.concat([long(0), long(value)]);
const shortText = (text: string): Buffer => Buffer.concat([octet(Buffer.byteLength(text)), Buffer.from(text)]);
const longText = (text: string): Buffer => Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)]);

const frame = (type: number, channel: number, body: Buffer): Buffer => {
  return Buffer.concat([octet(type), short(channel), long(body.length), body, octet(FRAME_END)]);
};
const method = (channel: number, id: number, ...fields: Buffer[]): Buffer => {
  return frame(METHOD, channel, Buffer.concat([short(Math.floor(id / 1000)), short(id % 1000), ...fields]));
};

const shortTextAt = (bytes: Buffer, at: number): string => bytes.subarray(at + 1, at + 1 + (bytes[at] as number)).toString();

interface Message {
  /** The content header's frame body, and the data. */
  readonly header: Buffer;
  readonly data: Buffer;
  isAgain: boolean;
}

interface Consumer {
  readonly session: Session;
  readonly channel: number;
  readonly tag: string;
}

class Queue {
  readonly name: string;
  readonly messages: Message[] = [];
  readonly consumers: Consumer[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Hands out what there is, in turns. */
  flow(): void {
    while (this.messages.length > 0 && this.consumers.length > 0) {
      const consumer = this.consumers.shift() as Consumer;
      this.consumers.push(consumer);
      consumer.session.deliver(consumer, this, this.messages.shift() as Message);
    }
  }
}

/** One connection. */
class Session {
  private readonly socket: Socket;
  private readonly queues: Map<string, Queue>;
  private waiting = Buffer.alloc(0);
  private hasBegun = false;
  private isTuned = false;
  private readonly confirms: Map<number, number> = new Map();
  /** What is being published: the queue's name, then the header. */
  private coming: { name: string; header: Buffer; data: Buffer } | null = null;
  private readonly unacknowledged: Map<number, { queue: Queue; message: Message }> = new Map();
  private delivered = 0;

  constructor(socket: Socket, queues: Map<string, Queue>) {
    this.socket = socket;
    this.queues = queues;
  }

  begin(): void {
    const { socket } = this;
    const beat = setInterval(() => {
      if (this.isTuned) socket.write(frame(HEARTBEAT, 0, Buffer.alloc(0)));
    }, (HEARTBEAT_S * 1000) / 2);
    // Whoever is silent for two heartbeats is taken for dead.
    let heard = Date.now();
    const check = setInterval(() => {
      if (Date.now() - heard > HEARTBEAT_S * 2000) socket.destroy();
    }, 1000);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard = Date.now();
      this.input(bytes);
    });
    socket.on('close', () => {
      clearInterval(beat);
      clearInterval(check);
      this.end();
    });
  }

  private end(): void {
    for (const queue of this.queues.values()) {
      for (let at = queue.consumers.length - 1; at >= 0; at--) if (queue.consumers[at]?.session === this) queue.consumers.splice(at, 1);
    }
    for (const { queue, message } of [...this.unacknowledged.values()].reverse()) {
      message.isAgain = true;
      queue.messages.unshift(message);
    }
    for (const { queue } of this.unacknowledged.values()) queue.flow();
  }

  private input(bytes: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, bytes]);
    if (!this.hasBegun) {
      if (this.waiting.length < PREAMBLE_LEN) return;
      this.waiting = this.waiting.subarray(PREAMBLE_LEN);
      this.hasBegun = true;
      this.send(method(0, CONNECTION_START, octet(0), octet(9), long(0), longText('PLAIN'), longText('en_US')));
    }
    while (this.waiting.length >= HEAD_LEN) {
      const end = HEAD_LEN + this.waiting.readUInt32BE(3) + 1;
      if (this.waiting.length < end) return;
      const whole = this.waiting.subarray(0, end);
      this.waiting = this.waiting.subarray(end);
      this.frame(whole[0] as number, whole.readUInt16BE(1), whole.subarray(HEAD_LEN, -1));
    }
  }

  private send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  private frame(type: number, channel: number, body: Buffer): void {
    const { coming } = this;
    if (type === METHOD) this.called(channel, body.readUInt16BE(0) * 1000 + body.readUInt16BE(2), body.subarray(4));
    else if (type === HEADER && coming !== null) coming.header = body;
    else if (type === BODY && coming !== null) coming.data = Buffer.concat([coming.data, body]);
    if (coming !== null && type !== METHOD && coming.data.length === coming.header.readUInt32BE(8)) this.published(channel, coming);
  }

  private published(channel: number, { name, header, data }: { name: string; header: Buffer; data: Buffer }): void {
    this.coming = null;
    const queue = this.queues.get(name);
    queue?.messages.push({ header, data, isAgain: false });
    const count = this.confirms.get(channel);
    if (count !== undefined) {
      this.confirms.set(channel, count + 1);
      this.send(method(channel, ACK, longlong(count + 1), octet(0)));
    }
    queue?.flow();
  }

  deliver({ channel, tag }: Consumer, queue: Queue, message: Message): void {
    const number = ++this.delivered;
    this.unacknowledged.set(number, { queue, message });
    const words = [shortText(tag), longlong(number), octet(message.isAgain ? 1 : 0), shortText(''), shortText(queue.name)];
    const frames = [method(channel, DELIVER, ...words), frame(HEADER, channel, message.header)];
    for (let at = 0; at < message.data.length; at += BODY_MAX) frames.push(frame(BODY, channel, message.data.subarray(at, at + BODY_MAX)));
    this.send(Buffer.concat(frames));
  }

  private called(channel: number, id: number, fields: Buffer): void {
    switch (id) {
      case CONNECTION_START_OK:
        return this.send(method(0, CONNECTION_TUNE, short(0), long(FRAME_MAX), short(HEARTBEAT_S)));
      case CONNECTION_TUNE_OK:
        this.isTuned = true;
        return;
      case CONNECTION_OPEN:
        return this.send(method(0, CONNECTION_OPEN_OK, shortText('')));
      case CONNECTION_CLOSE:
        this.send(method(0, CONNECTION_CLOSE_OK));
        this.socket.end();
        return;
      case CHANNEL_OPEN:
        return this.send(method(channel, CHANNEL_OPEN_OK, longText('')));
      case CHANNEL_CLOSE:
        return this.send(method(channel, CHANNEL_CLOSE_OK));
      case CONFIRM_SELECT:
        this.confirms.set(channel, 0);
        return this.send(method(channel, CONFIRM_SELECT_OK));
      case QUEUE_DECLARE: {
        const name = shortTextAt(fields, 2);
        const queue = this.queues.get(name) ?? new Queue(name);
        this.queues.set(name, queue);
        return this.send(method(channel, QUEUE_DECLARE_OK, shortText(name), long(queue.messages.length), long(queue.consumers.length)));
      }
      case PUBLISH: {
        const exchange = shortTextAt(fields, 2);
        this.coming = { name: shortTextAt(fields, 3 + exchange.length), header: Buffer.alloc(12), data: Buffer.alloc(0) };
        return;
      }
      case CONSUME: {
        const name = shortTextAt(fields, 2);
        const queue = this.queues.get(name) as Queue;
        const tag = shortTextAt(fields, 3 + name.length) || `consumer-${queue.consumers.length + 1}`;
        queue.consumers.push({ session: this, channel, tag });
        this.send(method(channel, CONSUME_OK, shortText(tag)));
        return queue.flow();
      }
      case ACK:
        this.unacknowledged.delete(fields.readUInt32BE(4));
        return;
      default:
        throw new Error(`method ${id}`);
    }
  }
}

/** The program: `server.run(serveAmqp)`. Queues and messages stay as long as it runs. */
export function serveAmqp(): void {
  const queues: Map<string, Queue> = new Map();
  createServer((socket) => new Session(socket, queues).begin()).listen(AMQP_PORT);
}
