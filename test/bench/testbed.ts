/**
 * Two hosts of ours in real time, joined by a perfect cable: what the benchmark compares with the kernel's loopback.
 */
import { spawnSync } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IpAddress } from '../../src/base/inet-address.ts';
import { IpAddress as Address } from '../../src/base/inet-address.ts';
import { Loop } from '../../src/base/loop.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn, sockaddrUn } from '../../src/socket/sockaddr.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { Host } from '../../src/host.ts';
import { Cable } from '../../src/link/cable.ts';
import { NodeEnvironment } from '../../src/platform/node/environment.ts';

/** Two processes that talk to each other. */
export interface Bed {
  client: Process;
  server: Process;
  close(): void;
}

export interface Testbed extends Bed {
  loop: Loop;
  cable: Cable;
  clientHost: Host;
  serverHost: Host;
  serverAddress: IpAddress;
}

/** `offload: false` cuts every segment to the MTU (1,500 bytes) at the cable's door. */
export function makeTestbed(options: { offload: boolean }): Testbed {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const random = environment.entropy;
  const clientHost = new Host({ name: 'client', loop, random });
  const serverHost = new Host({ name: 'server', loop, random });
  const cable = new Cable(loop, random, { offload: options.offload });
  clientHost.attach(cable.a);
  serverHost.attach(cable.b);
  const serverAddress = Address.from('192.0.2.2');
  clientHost.addAddress(cable.a, Address.from('192.0.2.1'), 24);
  serverHost.addAddress(cable.b, serverAddress, 24);
  return {
    loop, cable, clientHost, serverHost, serverAddress,
    client: new Process(clientHost, 'client'),
    server: new Process(serverHost, 'server'),
    close(): void {
      loop.stop();
    },
  };
}

/** Two processes of one host, connected by an AF_UNIX stream: `pair` are the descriptors of client and server. */
export async function makeUnixBed(): Promise<Bed & { pair: [number, number] }> {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'host', loop, random: environment.entropy });
  const client = new Process(host, 'client');
  const server = new Process(host, 'server');
  const address = sockaddrUn('/tmp/bench');
  const listener = await server.socket(AF.UNIX, SOCK.STREAM, 0);
  await server.bind(listener, address);
  await server.listen(listener, 1);
  const fd = await client.socket(AF.UNIX, SOCK.STREAM, 0);
  await client.connect(fd, address);
  const accepted = await server.accept(listener);
  return { client, server, pair: [fd, accepted.fd], close: () => loop.stop() };
}

/** Two processes of one host with a pipe between them: `pair` are the reading end of `client` and the writing one of `server`. */
export async function makePipeBed(): Promise<Bed & { pair: [number, number] }> {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'host', loop, random: environment.entropy });
  const server = new Process(host, 'server');
  const pair = await server.pipe();
  const client = new Process(host, 'client', { inherit: server });
  await server.close(pair[0]);
  await client.close(pair[1]);
  return { client, server, pair, close: () => loop.stop() };
}

/** A path for the kernel's side: abstract, so that nothing is left behind. */
export function kernelPath(): string {
  return `\0sockscape-bench-${process.pid}`;
}

/** Reading and writing end of a pipe of the kernel's. Node makes none: it is a FIFO, whose name is gone again. */
export function kernelPipe(): [reading: number, writing: number] {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-bench-'));
  try {
    const path = join(folder, 'pipe');
    const made = spawnSync('mkfifo', [path], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`mkfifo: ${made.stderr || made.error?.message}`);
    return [openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A listening socket of `server` and its port. */
export async function listenOn(bed: Testbed, backlog = 128): Promise<{ fd: number; port: number; address: Uint8Array }> {
  const fd = await bed.server.socket(AF.INET, SOCK.STREAM, 0);
  await bed.server.bind(fd, sockaddrIn(bed.serverAddress, 0));
  await bed.server.listen(fd, backlog);
  const address = await bed.server.getsockname(fd);
  return { fd, port: new DataView(address.buffer, address.byteOffset).getUint16(2), address };
}

/** A connected pair: descriptors of client and server. */
export async function connectPair(bed: Testbed, listener: { fd: number; address: Uint8Array }): Promise<[number, number]> {
  const fd = await bed.client.socket(AF.INET, SOCK.STREAM, 0);
  const [accepted] = await Promise.all([bed.server.accept(listener.fd), bed.client.connect(fd, listener.address)]);
  return [fd, accepted.fd];
}
