/**
 * nc(1), in the words of netcat-openbsd: connections and datagrams of either family and of AF_UNIX, out and in, and scans.
 *
 * options.ts reads the command line, relay.ts passes the bytes. **Not** there: proxies (-x), -F, -i, -M, -m, -S, -T, -t, -V.
 */
import {
  AF_INET6, AF_UNIX, F_GETFL, F_SETFL, IPPROTO_IPV6, IPV6_V6ONLY, MSG_PEEK, O_NONBLOCK, POLLOUT, SO_ERROR, SO_RCVBUF,
  SO_REUSEADDR, SO_SNDBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET,
} from '../../api/posix/constants.ts';
import { isErrno } from '../../api/posix/errors.ts';
import { type Addrinfo, getaddrinfo } from '../../api/posix/getaddrinfo.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { getservbyport } from '../../api/posix/name-tables.ts';
import { AI_NUMERICHOST, AI_PASSIVE } from '../../api/posix/netdb-constants.ts';
import { int32 } from '../../api/posix/option-values.ts';
import { readSockaddr, sockaddrUn } from '../../api/posix/sockaddr.ts';
import { strerror } from '../../base/errno.ts';
import { nameOfHost, numericHost, reasonOf } from '../endpoint-names.ts';
import { guarded, UsageFault, warn } from '../getopt.ts';
import { NC_USAGE, type NcOptions, parseNc, portOf, portsOf } from './options.ts';
import { relay } from './relay.ts';

/** Seconds that a datagram's port gets to say that nobody is there, without -w. */
const UDP_SCAN_SECONDS = 3;
const PROBE = new TextEncoder().encode('X');

/** Ends the program with a sentence. */
class Failure extends Error {}

/** `nc [OPTION...] [DESTINATION] [PORT...]`: 0, or 1 when there was no connection. */
export function nc(process: NameProcess, args: readonly string[]): Promise<number> {
  return guarded(process, 'nc', 1, () => main(process, args));
}

async function main(process: NameProcess, args: readonly string[]): Promise<number> {
  try {
    const options = parseNc(args);
    if (options === null) {
      await warn(process, NC_USAGE);
      return 0;
    }
    const run = new Netcat(process, options);
    if (options.unix) return options.listen ? await run.serveUnix() : await run.connectUnix();
    return options.listen ? await run.serve() : await run.connect();
  } catch (error) {
    if (error instanceof UsageFault) {
      await warn(process, `${error.message === '' ? '' : `nc: ${error.message}\n`}${error.showsUsage ? NC_USAGE : ''}`);
      return 1;
    }
    if (!(error instanceof Failure)) throw error;
    await warn(process, `nc: ${error.message}\n`);
    return 1;
  }
}

class Netcat {
  private readonly process: NameProcess;
  private readonly options: NcOptions;

  constructor(process: NameProcess, options: NcOptions) {
    this.process = process;
    this.options = options;
  }

  private get type(): number {
    return this.options.udp ? SOCK_DGRAM : SOCK_STREAM;
  }

  /** -v's sentences; they stand on standard error. */
  private async tell(sentence: string): Promise<void> {
    if (this.options.verbose) await warn(this.process, `${sentence}\n`);
  }

  private async resolve(host: string | null, port: string, flags: number): Promise<Addrinfo[]> {
    const { process, options } = this;
    try {
      return await getaddrinfo(process, host, port, {
        family: options.family, socktype: this.type, flags: flags | (options.numeric ? AI_NUMERICHOST : 0),
      });
    } catch (error) {
      const asked = host === null ? `port ${port}` : `host "${host}" port ${port}`;
      throw new Failure(`getaddrinfo${host === null ? '' : ' for'} ${asked}: ${reasonOf(error)}`);
    }
  }

  private async setBuffers(fd: number): Promise<void> {
    const { receiveBuffer, sendBuffer } = this.options;
    if (receiveBuffer > 0) await this.process.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(receiveBuffer));
    if (sendBuffer > 0) await this.process.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, int32(sendBuffer));
  }

  // Out.

  async connect(): Promise<number> {
    const { process, options } = this;
    let status = 1;
    for (const port of await portsOf(process, options)) {
      const fd = await this.connectPort(port);
      if (fd < 0) continue;
      status = 0;
      if (options.udp && (options.verbose || options.scan) && !(await this.answersProbe(fd))) {
        status = 1;
        await process.close(fd);
        continue;
      }
      await this.tell(await this.succeeded(fd, port));
      if (!options.scan) await relay(process, fd, options);
      await process.close(fd);
    }
    return status;
  }

  private async succeeded(fd: number, port: number): Promise<string> {
    const { process, options } = this;
    const protocol = options.udp ? 'udp' : 'tcp';
    const service = options.numeric ? null : await getservbyport(process, port, protocol);
    const address = await numericHost(process, await process.getpeername(fd));
    const where = options.numeric || options.host === address ? options.host : `${options.host} (${address})`;
    return `Connection to ${where} ${port} port [${protocol}/${service?.name ?? '*'}] succeeded!`;
  }

  /** The first address that answers; -1 when none does. */
  private async connectPort(port: number): Promise<number> {
    const { process, options } = this;
    const found = await this.resolve(options.host, String(port), 0);
    for (const candidate of found) {
      const fd = await process.socket(candidate.family, this.type, 0);
      await this.setBuffers(fd);
      await this.bindSource(fd, candidate.family);
      try {
        await this.connectInTime(fd, candidate.addr);
        return fd;
      } catch (error) {
        const isTimeout = isErrno(error, 'EINPROGRESS');
        const address = await numericHost(process, candidate.addr);
        const where = options.numeric || options.host === address ? options.host : `${options.host} (${address})`;
        const protocol = options.udp ? 'udp' : 'tcp';
        await this.tell(`nc: connect to ${where} port ${port} (${protocol}) ${isTimeout ? 'timed out' : 'failed'}: ${reasonOf(error)}`);
        await process.close(fd);
      }
    }
    return -1;
  }

  private async bindSource(fd: number, family: number): Promise<void> {
    const { process, options } = this;
    const { sourceAddress, sourcePort } = options;
    if (sourceAddress === '' && sourcePort === '') return;
    const port = sourcePort === '' ? '0' : String(await portOf(process, sourcePort, options.udp));
    try {
      await process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1));
      const host = sourceAddress === '' ? null : sourceAddress;
      const [own] = await getaddrinfo(process, host, port, { family, socktype: this.type, flags: AI_PASSIVE });
      await process.bind(fd, own.addr);
    } catch (error) {
      throw new Failure(`bind failed: ${reasonOf(error)}`);
    }
  }

  /** connect(2) with -w's limit: EINPROGRESS when it is over. */
  private async connectInTime(fd: number, address: Uint8Array): Promise<void> {
    const { process, options } = this;
    if (options.timeout < 0) return process.connect(fd, address);
    const flags = await process.fcntl(fd, F_GETFL);
    await process.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    try {
      await process.connect(fd, address);
    } catch (error) {
      if (!isErrno(error, 'EINPROGRESS')) throw error;
      if ((await process.poll([{ fd, events: POLLOUT }], options.timeout * 1000)) === 0) throw error;
      const bytes = await process.getsockopt(fd, SOL_SOCKET, SO_ERROR, 4);
      const errno = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
      if (errno !== 0) throw Object.assign(new Error(`connect: ${strerror(errno)}`), { errno: -errno });
    }
    await process.fcntl(fd, F_SETFL, flags);
  }

  /** Whether datagrams are not refused: silence counts as an answer. */
  private async answersProbe(fd: number): Promise<boolean> {
    const { process, options } = this;
    const refused = async (): Promise<boolean> => {
      try {
        await process.write(fd, PROBE);
        return false;
      } catch (error) {
        if (!isErrno(error, 'ECONNREFUSED')) throw error;
        return true;
      }
    };
    if ((await refused()) || (await refused())) return false;
    const seconds = options.timeout < 0 ? UDP_SCAN_SECONDS : options.timeout;
    for (let i = 0; i < seconds; i++) {
      await process.sleep(1e6);
      if (await refused()) return false;
    }
    return true;
  }

  // In.

  async serve(): Promise<number> {
    const { process, options } = this;
    const port = String(await portOf(process, options.ports[0], options.udp));
    let fd = await this.listen(port);
    await this.tell(`Listening on ${await this.words(await process.getsockname(fd))}`);
    for (;;) {
      if (options.udp && options.keepListening) await relay(process, fd, { ...options, noInput: true, timeout: -1 });
      else if (options.udp) await this.talkToFirst(fd);
      else {
        const { fd: connection, address } = await this.accept(fd);
        await this.tell(`Connection received on ${await this.words(address)}`);
        if (!options.keepListening) await process.close(fd);
        await relay(process, connection, options);
        await process.close(connection);
      }
      if (!options.keepListening) return 0;
      if (options.udp) {
        await process.close(fd);
        fd = await this.listen(port);
      }
    }
  }

  /** A datagram socket belongs to whoever sends to it first. */
  private async talkToFirst(fd: number): Promise<void> {
    const { process, options } = this;
    const { address } = await process.recvfrom(fd, new Uint8Array(1), MSG_PEEK);
    await process.connect(fd, address);
    await this.tell(`Connection received on ${await this.words(address)}`);
    await relay(process, fd, options);
    await process.close(fd);
  }

  private async accept(fd: number): Promise<{ fd: number; address: Uint8Array }> {
    for (;;) {
      try {
        return await this.process.accept(fd);
      } catch (error) {
        if (!isErrno(error, 'EINTR') && !isErrno(error, 'ECONNABORTED')) throw new Failure(`accept: ${reasonOf(error)}`);
      }
    }
  }

  private async listen(port: string): Promise<number> {
    const { process, options } = this;
    let reason = 'no address';
    for (const candidate of await this.resolve(options.host === '' ? null : options.host, port, AI_PASSIVE)) {
      const fd = await process.socket(candidate.family, this.type, 0);
      try {
        await this.setBuffers(fd);
        await process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1));
        if (candidate.family === AF_INET6) await process.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(1));
        await process.bind(fd, candidate.addr);
        if (!options.udp) await process.listen(fd, 1);
        return fd;
      } catch (error) {
        reason = reasonOf(error);
        await process.close(fd);
      }
    }
    throw new Failure(reason);
  }

  /** `host port`, the host by its name unless -n forbids it. */
  private async words(address: Uint8Array): Promise<string> {
    const { process, options } = this;
    const name = options.numeric ? null : await nameOfHost(process, address);
    return `${name ?? (await numericHost(process, address))} ${readSockaddr(address)?.port ?? 0}`;
  }

  // AF_UNIX.

  async connectUnix(): Promise<number> {
    const { process, options } = this;
    const fd = await process.socket(AF_UNIX, this.type, 0);
    // Without an address of one's own no datagram comes back.
    if (options.udp) await process.bind(fd, sockaddrUn(options.sourceAddress));
    try {
      await process.connect(fd, sockaddrUn(options.host));
    } catch (error) {
      await warn(process, `nc: ${options.host}: ${reasonOf(error)}\n`);
      return 1;
    }
    if (!options.scan) await relay(process, fd, options);
    await process.close(fd);
    return 0;
  }

  async serveUnix(): Promise<number> {
    const { process, options } = this;
    const fd = await process.socket(AF_UNIX, this.type, 0);
    try {
      await process.bind(fd, sockaddrUn(options.host));
      await this.tell(`Bound on ${options.host}`);
      if (!options.udp) await process.listen(fd, 5);
    } catch (error) {
      throw new Failure(`${options.host}: ${reasonOf(error)}`);
    }
    await this.tell(`Listening on ${options.host}`);
    for (;;) {
      if (options.udp) await relay(process, fd, options);
      else {
        const { fd: connection } = await this.accept(fd);
        await this.tell(`Connection received on ${options.host}`);
        await relay(process, connection, options);
        await process.close(connection);
      }
      if (!options.keepListening) return 0;
    }
  }
}
