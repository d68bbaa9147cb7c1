/**
 * The demo world, written against the public entries alone, which are handed in: the same text runs in Node and in a
 * page. The article's session between two hosts, then a transfer both ways over a cable that loses, doubles, reorders
 * and damages frames; on IPv4 and on IPv6.
 */
import type * as Sockscape from '../../src/entry/index.ts';
import type * as Sim from '../../src/entry/sim.node.ts';

export interface Entries {
  readonly sockscape: typeof Sockscape;
  readonly sim: typeof Sim;
}

export interface DemoResult {
  /** The capture of the server's card, and what the client read in the article's session. */
  readonly pcapng: Uint8Array;
  readonly answer: string;
  /** Frames in the capture, how often each kind of weather struck, and the world's last instant. */
  readonly frames: number;
  readonly struck: Readonly<Record<Fault, number>>;
  readonly endedAtUs: number;
}

/** Kinds of weather, as a cable counts them. */
export const FAULTS = ['lost', 'duplicated', 'corrupted', 'heldBack', 'overtaken'] as const;
export type Fault = (typeof FAULTS)[number];

const PORT = 9502;
const TRANSFER_BYTES = 200_000;

type Process = Sockscape.Process;

async function readLine(process: Process, fd: number): Promise<string> {
  const buffer = new Uint8Array(256);
  let text = '';
  while (!text.endsWith('\n')) {
    const n = await process.read(fd, buffer);
    if (n === 0) break;
    text += String.fromCharCode(...buffer.subarray(0, n));
  }
  return text;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Byte `i` of the stream that goes one way (0) or the other (1). */
function streamByte(way: number, i: number): number {
  return (Math.imul(i, 31) + (i >> 8) + 7 * way) & 0xff;
}

async function sendStream(process: Process, fd: number, way: number): Promise<void> {
  const data = Uint8Array.from({ length: TRANSFER_BYTES }, (_, i) => streamByte(way, i));
  for (let done = 0; done < data.length; ) done += await process.write(fd, data.subarray(done, done + 20_000));
  await process.shutdown(fd, 1);
}

async function receiveStream(process: Process, fd: number, way: number): Promise<void> {
  const buffer = new Uint8Array(65536);
  let at = 0;
  for (;;) {
    const n = await process.read(fd, buffer);
    if (n === 0) break;
    for (let i = 0; i < n; i++) if (buffer[i] !== streamByte(way, at + i)) throw new Error(`byte ${at + i} arrived wrong`);
    at += n;
  }
  if (at !== TRANSFER_BYTES) throw new Error(`${at} of ${TRANSFER_BYTES} bytes arrived`);
}

export async function demoWorld({ sockscape, sim }: Entries, seed: string): Promise<DemoResult> {
  const { AF_INET, AF_INET6, SOCK_STREAM, Process, sockaddrIn, sockaddrIn6 } = sockscape;
  return sim.simulate({ seed }, async (world) => {
    const client = world.host('client');
    const server = world.host('server');
    const cable = world.cable(client, server, { delayUs: 5000 });
    const capture = world.capture([cable.b]);
    // IPv6 addresses are used once their test for duplicates is over.
    await world.sleep(3_000_000);

    const serverProcess = new Process(server, 'server');
    const clientProcess = new Process(client, 'client');
    const listenOn = async (family: number, address: Uint8Array): Promise<number> => {
      const fd = await serverProcess.socket(family, SOCK_STREAM, 0);
      await serverProcess.bind(fd, address);
      await serverProcess.listen(fd, 5);
      return fd;
    };
    const connectTo = async (family: number, address: Uint8Array): Promise<number> => {
      const fd = await clientProcess.socket(family, SOCK_STREAM, 0);
      await clientProcess.connect(fd, address);
      return fd;
    };

    const listener4 = await listenOn(AF_INET, sockaddrIn('0.0.0.0', PORT));
    const session = (async () => {
      const { fd } = await serverProcess.accept(listener4);
      const line = await readLine(serverProcess, fd);
      await serverProcess.write(fd, bytesOf(`You wrote: ${line}`));
      await readLine(serverProcess, fd);
      await serverProcess.close(fd);
    })();
    const fd = await connectTo(AF_INET, sockaddrIn('10.0.1.2', PORT));
    await clientProcess.write(fd, bytesOf('hello\r\n'));
    const answer = await readLine(clientProcess, fd);
    await clientProcess.close(fd);
    await session;

    // As in test/sim/weather-world.ts: three questions for a neighbour are all lost once in some hundred worlds.
    for (const host of [client, server]) {
      host.sysctl('net.ipv4.neigh.default.mcast_solicit', 12);
      host.sysctl('net.ipv4.neigh.default.ucast_solicit', 12);
    }
    cable.set({ loss: 0.05, duplicate: 0.02, reorder: { probability: 0.05, extraUs: 50_000 }, corrupt: 0.02, jitterUs: 300 });
    const listener6 = await listenOn(AF_INET6, sockaddrIn6('::', PORT + 1));
    for (const [family, address] of [
      [AF_INET, sockaddrIn('10.0.1.2', PORT + 1)],
      [AF_INET6, sockaddrIn6('fd00:1::2', PORT + 1)],
    ] as const) {
      const accepted = serverProcess.accept(listener6);
      const near = await connectTo(family, address);
      const far = (await accepted).fd;
      await Promise.all([
        sendStream(clientProcess, near, 0), receiveStream(serverProcess, far, 0),
        sendStream(serverProcess, far, 1), receiveStream(clientProcess, near, 1),
      ]);
      await clientProcess.close(near);
      await serverProcess.close(far);
    }
    await world.sleep(5_000_000);
    const struck = Object.fromEntries(
      FAULTS.map((fault) => [fault, cable.aToB.statistics[fault] + cable.bToA.statistics[fault]]),
    ) as Record<Fault, number>;
    return { pcapng: capture.bytes(), answer, frames: capture.frames, struck, endedAtUs: world.now };
  });
}
