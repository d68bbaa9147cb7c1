/**
 * The kernel of a program in a process of its own, on the world's side: makes its calls, on a process of its host, and tells
 * it which of its descriptors have changed. What they do, DirectKernel does: the program is one as any other.
 *
 * Called by program-process.ts, while the program has the turn. The other end is remote-kernel.ts.
 */
import type { DirectKernel } from '../../../api/node/direct-kernel.ts';
import type { NameService } from '../../../api/node/node-program.ts';
import { Waiter } from '../../../base/wait-queue.ts';
import { IOCTL } from '../../../socket/constants.ts';
import { Answer, Call, type Frames } from './frames.ts';

/** All that poll(2) tells: what each waiter hears of. */
const ALL_EVENTS = 0xffff;
const NO_BYTES = new Uint8Array(0);
/** As much as one call can receive: a datagram, or what libuv offers for one read. */
const incoming = Buffer.allocUnsafeSlow(1 << 16);

/** A descriptor's place in its description's wait queue. */
class DescriptorWaiter extends Waiter {
  readonly fd: number;
  /** What has happened since the program was told. */
  woken = 0;
  isChanged = false;
  private readonly service: KernelService;

  constructor(service: KernelService, fd: number) {
    super();
    this.service = service;
    this.fd = fd;
    this.events = ALL_EVENTS;
  }

  wake(events: number): void {
    this.woken |= events & ALL_EVENTS;
    this.service.changed(this);
  }

  attempt(): void {}

  deliver(): void {}
}

export class KernelService {
  private readonly kernel: DirectKernel;
  private readonly names: NameService;
  private readonly frames: Frames;
  /** A descriptor has changed, or a name was found, while the program had not the turn. */
  private readonly wakeUp: (inStack: boolean) => void;
  private readonly waiters: Map<number, DescriptorWaiter> = new Map();
  private changes: DescriptorWaiter[] = [];
  private answers: (readonly [number, unknown])[] = [];
  private hasTurn = false;

  constructor(kernel: DirectKernel, names: NameService, frames: Frames, wakeUp: (inStack: boolean) => void) {
    this.kernel = kernel;
    this.names = names;
    this.frames = frames;
    this.wakeUp = wakeUp;
  }

  changed(waiter: DescriptorWaiter): void {
    if (!waiter.isChanged) {
      waiter.isChanged = true;
      this.changes.push(waiter);
    }
    if (!this.hasTurn) this.wakeUp(true);
  }

  /** The program begins its turn, or ends it. */
  setTurn(hasTurn: boolean): void {
    this.hasTurn = hasTurn;
  }

  /** The process is at its end: nothing is watched any more. */
  release(): void {
    for (const waiter of this.waiters.values()) waiter.queue?.remove(waiter);
    this.waiters.clear();
    this.changes = [];
  }

  /** Names that were found since the last turn. */
  takeAnswers(): readonly (readonly [number, unknown])[] {
    const { answers } = this;
    this.answers = [];
    return answers;
  }

  /** Puts into the frame which descriptors have changed, and how each of them is now. */
  putChanges(): void {
    const { changes, frames } = this;
    this.changes = [];
    frames.int(changes.length);
    for (const waiter of changes) {
      const watched = this.kernel.watched(waiter.fd);
      const waiting = watched === null ? 0 : watched.control(IOCTL.FIONREAD);
      frames.int(waiter.fd).int(waiter.woken).int(watched === null ? 0 : watched.readiness()).int(Math.max(waiting, 0));
      waiter.woken = 0;
      waiter.isChanged = false;
    }
  }

  private watch(fd: number): void {
    if (fd < 0) return;
    const watched = this.kernel.watched(fd);
    if (watched === null) return;
    const waiter = new DescriptorWaiter(this, fd);
    this.waiters.set(fd, waiter);
    watched.waiters.add(waiter);
    this.touch(fd);
  }

  /** A call has worked on it: the program hears how it is now. */
  private touch(fd: number): void {
    const waiter = this.waiters.get(fd);
    if (waiter === undefined || waiter.isChanged) return;
    waiter.isChanged = true;
    this.changes.push(waiter);
  }

  private close(fd: number): void {
    const waiter = this.waiters.get(fd);
    if (waiter !== undefined) {
      waiter.queue?.remove(waiter);
      this.waiters.delete(fd);
      this.changes = this.changes.filter((one) => one !== waiter);
    }
    this.kernel.close(fd);
  }

  private answer(result: number, bytes: Uint8Array = NO_BYTES): boolean {
    this.frames.begin(Answer.Result).int(result);
    this.putChanges();
    return this.frames.bytes(bytes).send();
  }

  /** What is bytes, or a negative errno. */
  private answerBytes(result: Uint8Array | number): boolean {
    return typeof result === 'number' ? this.answer(result) : this.answer(result.length, result);
  }

  /** Makes the call that was received. False when nobody is there to hear of its result. */
  serve(call: number): boolean {
    const { frames, kernel } = this;
    switch (call) {
      case Call.Socket: {
        const fd = kernel.socket(frames.takeInt(), frames.takeInt());
        this.watch(fd);
        return this.answer(fd);
      }
      case Call.Accept: {
        const listener = frames.takeInt();
        const fd = kernel.accept(listener);
        this.watch(fd);
        this.touch(listener);
        return this.answer(fd);
      }
      case Call.Close: {
        this.close(frames.takeInt());
        return this.answer(0);
      }
      case Call.Receive: return this.receive();
      case Call.Chmod: return this.answer(kernel.chmod(frames.takeText(), frames.takeInt()));
      case Call.Mkdir: return this.answer(kernel.mkdir(frames.takeText(), frames.takeInt()));
      case Call.Unlink: return this.answer(kernel.unlink(frames.takeText()));
      case Call.TextOf: return this.answerBytes(Buffer.from(kernel.textOf(frames.takeText()), 'utf8'));
      case Call.Interfaces: return this.answerBytes(Buffer.from(JSON.stringify(kernel.interfaces()), 'utf8'));
      case Call.Hostname: return this.answerBytes(Buffer.from(kernel.hostname(), 'utf8'));
      case Call.Random: return this.answer(kernel.random());
      case Call.Output: return this.answer(0);
      case Call.Lookup: {
        this.lookUp(frames.takeInt(), JSON.parse(frames.takeText()) as Question);
        return this.answer(0);
      }
      default: return this.serveSocket(call, frames.takeInt());
    }
  }

  /** Those that work on one descriptor. */
  private serveSocket(call: number, fd: number): boolean {
    const { frames, kernel } = this;
    this.touch(fd);
    switch (call) {
      case Call.Bind: return this.answer(kernel.bind(fd, Buffer.from(frames.takeBytes())));
      case Call.Listen: return this.answer(kernel.listen(fd, frames.takeInt()));
      case Call.Connect: return this.answer(kernel.connect(fd, Buffer.from(frames.takeBytes())));
      case Call.Send: {
        const bytes = frames.takeBytes();
        return this.answer(kernel.send(fd, bytes, 0, bytes.length));
      }
      case Call.SendTo: {
        const to = Buffer.from(frames.takeBytes());
        const bytes = frames.takeBytes();
        return this.answer(kernel.sendTo(fd, bytes, 0, bytes.length, to));
      }
      case Call.Shutdown: return this.answer(kernel.shutdown(fd, frames.takeInt()));
      case Call.GetOption: return this.answerBytes(kernel.getOption(fd, frames.takeInt(), frames.takeInt(), frames.takeInt()));
      case Call.SetOption: {
        const level = frames.takeInt();
        const option = frames.takeInt();
        return this.answer(kernel.setOption(fd, level, option, Buffer.from(frames.takeBytes())));
      }
      case Call.LocalName: return this.answerBytes(kernel.localName(fd));
      case Call.PeerName: return this.answerBytes(kernel.peerName(fd));
      default: throw new Error(`a spawned program asked for ${call}, which is no call`);
    }
  }

  private receive(): boolean {
    const { frames, kernel } = this;
    const fd = frames.takeInt();
    const room = Math.min(frames.takeInt(), incoming.length);
    const withSource = frames.takeInt() !== 0;
    const n = kernel.receive(fd, incoming, 0, room);
    const source = withSource && n >= 0 ? kernel.source(fd) : NO_BYTES;
    this.touch(fd);
    frames.begin(Answer.Result).int(n);
    this.putChanges();
    frames.bytes(incoming, 0, Math.max(n, 0));
    if (withSource) frames.bytes(typeof source === 'number' ? NO_BYTES : source);
    return frames.send();
  }

  private lookUp(id: number, question: Question): void {
    const { names } = this;
    const found = question[0] === 'addresses' ? names.addresses(question[1], question[2], question[3]) : names.names(question[1], question[2]);
    void found.then((answer) => {
      this.answers.push([id, answer]);
      if (!this.hasTurn) this.wakeUp(false);
    });
  }
}

export type Question = ['addresses', name: string, family: number, flags: number] | ['names', address: string, port: number];
