/**
 * The kernel of a program in a process of its own, in that process: the handles of api/node ask it as they ask any other, and
 * each question is a call in the world's process (kernel-service.ts), which blocks until it is answered.
 *
 * How its descriptors are comes with each answer and each turn, so that nobody has to ask for it.
 */
import type { NameService } from '../../../api/node/node-program.ts';
import type { InterfaceFacts, ProgramKernel, Watched } from '../../../api/node/program-kernel.ts';
import { Errno } from '../../../base/errno.ts';
import type { Loop } from '../../../base/loop.ts';
import { WaitQueue } from '../../../base/wait-queue.ts';
import { SOCK } from '../../../socket/constants.ts';
import { Answer, Call, type Frames, MOST_SENT } from './frames.ts';
import type { Question } from './kernel-service.ts';

/** What is known here of a descriptor. */
class RemoteFile implements Watched {
  readonly waiters: WaitQueue = new WaitQueue();
  /** Datagrams have a source. */
  isDatagram = false;
  source: Uint8Array | null = null;
  ready = 0;
  waiting = 0;

  readiness(): number {
    return this.ready;
  }

  /** FIONREAD. */
  control(): number {
    return this.waiting;
  }
}

export class RemoteKernel implements ProgramKernel, NameService {
  given: Uint8Array | null = null;
  private readonly frames: Frames;
  private readonly loop: Loop;
  /** The world is gone: never returns. */
  private readonly lost: () => never;
  private readonly files: Map<number, RemoteFile> = new Map();
  private readonly asked: Map<number, (answer: never) => void> = new Map();
  private questions = 0;

  constructor(frames: Frames, loop: Loop, lost: () => never) {
    this.frames = frames;
    this.loop = loop;
    this.lost = lost;
  }

  /** Sends the call that was put into the frame: its result. Bytes that come with it are still to be taken. */
  private call(): number {
    const { frames } = this;
    if (!frames.send() || frames.receive() !== Answer.Result) this.lost();
    const result = frames.takeInt();
    // What others hear by it is told when the call is over, as at the end of every system call.
    if (this.takeChanges()) this.loop.drain();
    return result;
  }

  private callForBytes(): Uint8Array | number {
    const result = this.call();
    return result < 0 ? result : new Uint8Array(this.frames.takeBytes());
  }

  private callForText(): string {
    this.call();
    return this.frames.takeText();
  }

  /** Has anybody been woken by them? */
  takeChanges(): boolean {
    const { frames } = this;
    let isAnybodyWoken = false;
    for (let count = frames.takeInt(); count > 0; count--) {
      const fd = frames.takeInt();
      const woken = frames.takeInt();
      let file = this.files.get(fd);
      if (file === undefined) {
        file = new RemoteFile();
        this.files.set(fd, file);
      }
      file.ready = frames.takeInt();
      file.waiting = frames.takeInt();
      if (woken === 0) continue;
      isAnybodyWoken = true;
      file.waiters.wake(woken);
    }
    return isAnybodyWoken;
  }

  socket(family: number, type: number): number {
    this.frames.begin(Call.Socket).int(family).int(type);
    const fd = this.call();
    const file = this.files.get(fd);
    if (file !== undefined) file.isDatagram = (type & 0xf) === SOCK.DGRAM;
    return fd;
  }

  bind(fd: number, name: Uint8Array): number {
    this.frames.begin(Call.Bind).int(fd).bytes(name);
    return this.call();
  }

  listen(fd: number, backlog: number): number {
    this.frames.begin(Call.Listen).int(fd).int(backlog);
    return this.call();
  }

  connect(fd: number, name: Uint8Array): number {
    this.frames.begin(Call.Connect).int(fd).bytes(name);
    return this.call();
  }

  accept(fd: number): number {
    this.frames.begin(Call.Accept).int(fd);
    return this.call();
  }

  send(fd: number, bytes: Uint8Array, at: number, length: number): number {
    this.frames.begin(Call.Send).int(fd).bytes(bytes, at, Math.min(length, MOST_SENT));
    return this.call();
  }

  sendTo(fd: number, bytes: Uint8Array, at: number, length: number, to: Uint8Array): number {
    this.frames.begin(Call.SendTo).int(fd).bytes(to).bytes(bytes, at, Math.min(length, MOST_SENT));
    return this.call();
  }

  receive(fd: number, into: Uint8Array, at: number, room: number): number {
    const file = this.files.get(fd);
    const withSource = file?.isDatagram === true;
    this.frames.begin(Call.Receive).int(fd).int(room).int(withSource ? 1 : 0);
    const n = this.call();
    into.set(this.frames.takeBytes(), at);
    if (withSource) (file as RemoteFile).source = new Uint8Array(this.frames.takeBytes());
    return n;
  }

  /** What comes over the line is copied out of its buffer in any case. */
  receiveKept(fd: number, _into: Uint8Array, room: number): number {
    this.frames.begin(Call.Receive).int(fd).int(room).int(0);
    const n = this.call();
    this.given = n > 0 ? new Uint8Array(this.frames.takeBytes()) : null;
    return n;
  }

  source(fd: number): Uint8Array | number {
    return this.files.get(fd)?.source ?? -Errno.EBADF;
  }

  shutdown(fd: number, how: number): number {
    this.frames.begin(Call.Shutdown).int(fd).int(how);
    return this.call();
  }

  close(fd: number): void {
    this.files.delete(fd);
    this.frames.begin(Call.Close).int(fd);
    this.call();
  }

  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number {
    this.frames.begin(Call.GetOption).int(fd).int(level).int(option).int(length);
    return this.callForBytes();
  }

  setOption(fd: number, level: number, option: number, value: Uint8Array): number {
    this.frames.begin(Call.SetOption).int(fd).int(level).int(option).bytes(value);
    return this.call();
  }

  localName(fd: number): Uint8Array | number {
    this.frames.begin(Call.LocalName).int(fd);
    return this.callForBytes();
  }

  peerName(fd: number): Uint8Array | number {
    this.frames.begin(Call.PeerName).int(fd);
    return this.callForBytes();
  }

  watched(fd: number): Watched | null {
    return this.files.get(fd) ?? null;
  }

  chmod(path: string, mode: number): number {
    this.frames.begin(Call.Chmod).text(path).int(mode);
    return this.call();
  }

  mkdir(path: string, mode: number): number {
    this.frames.begin(Call.Mkdir).text(path).int(mode);
    return this.call();
  }

  unlink(path: string): number {
    this.frames.begin(Call.Unlink).text(path);
    return this.call();
  }

  textOf(path: string): string {
    this.frames.begin(Call.TextOf).text(path);
    return this.callForText();
  }

  interfaces(): InterfaceFacts[] {
    this.frames.begin(Call.Interfaces);
    return JSON.parse(this.callForText()) as InterfaceFacts[];
  }

  hostname(): string {
    this.frames.begin(Call.Hostname);
    return this.callForText();
  }

  random(): number {
    this.frames.begin(Call.Random);
    return this.call();
  }

  /** Its output is read, in the world's process, before it writes more, or elsewhere. */
  readOutput(): void {
    this.frames.begin(Call.Output);
    this.call();
  }

  /** Its descriptors are closed when this process is gone. */
  end(): void {}

  // Names.

  addresses(name: string, family: number, flags: number): Promise<string[] | number> {
    return this.ask(['addresses', name, family, flags]);
  }

  names(address: string, port: number): Promise<{ host: string; service: string } | number> {
    return this.ask(['names', address, port]);
  }

  private ask<T>(question: Question): Promise<T> {
    const id = ++this.questions;
    this.frames.begin(Call.Lookup).int(id).text(JSON.stringify(question));
    this.call();
    return new Promise((resolve) => this.asked.set(id, resolve as (answer: never) => void));
  }

  /** The answer to a question has come. */
  answered(id: number, answer: unknown): void {
    this.asked.get(id)?.(answer as never);
    this.asked.delete(id);
  }
}
