/**
 * A socket to one name server: sends one query and hears messages. Called by dns-exchange.ts.
 *
 * What comes is told in macrotasks of the program, as everything else that its handles tell.
 */
import { Errno } from '../../base/errno.ts';
import { Poll, Waiter } from '../../base/wait-queue.ts';
import { AF, SO, SOCK, SOL } from '../../socket/constants.ts';
import { DNS_MAX_LEN } from '../../wire/dns.ts';
import type { NodeProgram } from './node-program.ts';
import type { Watched } from './program-kernel.ts';
import { ip4, ip6 } from './socket-address.ts';

const LENGTH_BYTES = 2;
const incoming = new Uint8Array(DNS_MAX_LEN + LENGTH_BYTES);

export class DnsLine extends Waiter {
  readonly isTcp: boolean;
  private readonly program: NodeProgram;
  private readonly server: { readonly address: string; readonly port: number };
  private readonly from: string | null;
  private readonly heard: (bytes: Uint8Array | null) => void;
  private descriptor = -1;
  private isNotified = false;
  /** TCP: what is not sent yet, and what has come of a message. */
  private toSend: Uint8Array | null = null;
  private gathered: Uint8Array = new Uint8Array(0);

  constructor(
    program: NodeProgram, server: { address: string; port: number }, isTcp: boolean, from: string | null,
    heard: (bytes: Uint8Array | null) => void,
  ) {
    super();
    this.program = program;
    this.server = server;
    this.isTcp = isTcp;
    this.from = from;
    this.heard = heard;
    this.events = Poll.IN | Poll.OUT | Poll.ERR | Poll.HUP | Poll.RDHUP;
  }

  /** Begins: 0, or a negative errno when the server cannot be reached from here. */
  open(query: Uint8Array): number {
    const { kernel } = this.program;
    const { address, port } = this.server;
    const isV6 = address.includes(':');
    const name = isV6 ? ip6(this.program, address, port) : ip4(address, port);
    if (typeof name === 'number') return name;
    const fd = kernel.socket(isV6 ? AF.INET6 : AF.INET, this.isTcp ? SOCK.STREAM : SOCK.DGRAM);
    if (fd < 0) return fd;
    this.descriptor = fd;
    let result = this.bindTo(isV6);
    if (result === 0) {
      result = kernel.connect(fd, name);
      if (result === -Errno.EINPROGRESS) result = 0;
    }
    if (result === 0 && !this.isTcp) result = Math.min(kernel.send(fd, query, 0, query.length), 0);
    if (result < 0) {
      this.close();
      return result;
    }
    if (this.isTcp) {
      // RFC 7766: its length goes before it.
      this.toSend = new Uint8Array(LENGTH_BYTES + query.length);
      this.toSend.set([query.length >> 8, query.length & 255]);
      this.toSend.set(query, LENGTH_BYTES);
    }
    (kernel.watched(fd) as Watched).waiters.add(this);
    this.wake();
    return 0;
  }

  private bindTo(isV6: boolean): number {
    if (this.from === null) return 0;
    const name = isV6 ? ip6(this.program, this.from, 0) : ip4(this.from, 0);
    return typeof name === 'number' ? name : this.program.kernel.bind(this.descriptor, name);
  }

  close(): void {
    if (this.descriptor < 0) return;
    if (this.queue !== null) this.queue.remove(this);
    this.program.kernel.close(this.descriptor);
    this.descriptor = -1;
  }

  wake(): void {
    if (this.isNotified) return;
    this.isNotified = true;
    this.program.host.loop.complete(this);
  }

  attempt(): void {}

  deliver(): void {
    this.program.later({ runEvent: () => {
      this.isNotified = false;
      if (this.descriptor >= 0) this.look();
    } });
  }

  private look(): void {
    if (this.isTcp) return this.lookAtStream();
    // Several may have come in one wake.
    while (this.descriptor >= 0) {
      const n = this.program.kernel.receive(this.descriptor, incoming, 0, DNS_MAX_LEN);
      if (n === -Errno.EAGAIN) return;
      if (n < 0) return this.broken();
      this.heard(incoming.slice(0, n));
    }
  }

  private lookAtStream(): void {
    const { kernel } = this.program;
    const ready = (kernel.watched(this.descriptor) as Watched).readiness();
    if (this.toSend !== null) {
      if ((ready & (Poll.OUT | Poll.ERR | Poll.HUP)) === 0) return;
      const error = kernel.getOption(this.descriptor, SOL.SOCKET, SO.ERROR, 4);
      if (typeof error === 'number' || error[0] !== 0) return this.broken();
      const n = kernel.send(this.descriptor, this.toSend, 0, this.toSend.length);
      if (n === -Errno.EAGAIN) return;
      if (n < 0) return this.broken();
      this.toSend = n === this.toSend.length ? null : this.toSend.subarray(n);
      return;
    }
    const n = kernel.receive(this.descriptor, incoming, 0, incoming.length);
    if (n === -Errno.EAGAIN) return;
    if (n <= 0) return this.broken();
    this.gathered = Buffer.concat([this.gathered, incoming.subarray(0, n)]);
    if (this.gathered.length < LENGTH_BYTES) return this.wake();
    const length = ((this.gathered[0] as number) << 8) | (this.gathered[1] as number);
    if (this.gathered.length < LENGTH_BYTES + length) return this.wake();
    const message = this.gathered.slice(LENGTH_BYTES, LENGTH_BYTES + length);
    this.gathered = new Uint8Array(0);
    this.heard(message);
  }

  private broken(): void {
    this.close();
    this.heard(null);
  }
}
