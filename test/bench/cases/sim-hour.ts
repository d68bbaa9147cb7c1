/**
 * sim-hour: a hundred hosts on a switch, ten idle TCP connections each, keepalive every 30 s, one virtual hour. Virtual seconds
 * per real second; nothing of the kernel compares.
 */
import { performance } from 'node:perf_hooks';
import { Process } from '../../../src/api/posix/process.ts';
import { int32 } from '../../../src/api/posix/option-values.ts';
import { sockaddrIn } from '../../../src/api/posix/sockaddr.ts';
import { simulate } from '../../../src/entry/sim.node.ts';
import { AF, IPPROTO, SO, SOCK, SOL, TCP } from '../../../src/socket/constants.ts';
import { type Figure, median } from '../rounds.ts';

const HOSTS = 100;
const CONNECTIONS_PER_HOST = 10;
const HOUR_S = 3600;
const KEEP_ALIVE_S = 30;
const PORT = 7;
/** Each of the thousand connections is probed every 30 s from one side at least, and every probe and answer is a frame. */
const LEAST_EVENTS = (HOSTS * CONNECTIONS_PER_HOST * HOUR_S) / KEEP_ALIVE_S;

/** The clock of the machine: in a world `performance.now` is the world's. */
const now = (): number => Object.getPrototypeOf(performance).now.call(performance) as number;

async function hour(seed: number): Promise<number> {
  return simulate({ seed, timeLimitUs: 2 * HOUR_S * 1e6 }, async (world) => {
    const hub = world.switch();
    const hosts = Array.from({ length: HOSTS }, (_, i) => world.host(`h${i}`));
    for (const host of hosts) world.cable(host, hub, { delayUs: 100 });
    const processes = hosts.map((host) => new Process(host, 'idle'));
    const listeners = await Promise.all(processes.map(async (process) => {
      const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
      await process.bind(fd, sockaddrIn('0.0.0.0', PORT));
      await process.listen(fd, CONNECTIONS_PER_HOST);
      return fd;
    }));
    for (const [i, process] of processes.entries()) {
      for (let n = 1; n <= CONNECTIONS_PER_HOST; n++) {
        const to = (i + n) % HOSTS;
        const address = hosts[to]?.addresses().find((text) => text.startsWith('10.'))?.split('/')[0] as string;
        const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
        await process.setsockopt(fd, SOL.SOCKET, SO.KEEPALIVE, int32(1));
        await process.setsockopt(fd, IPPROTO.TCP, TCP.KEEPIDLE, int32(KEEP_ALIVE_S));
        await process.setsockopt(fd, IPPROTO.TCP, TCP.KEEPINTVL, int32(KEEP_ALIVE_S));
        await process.connect(fd, sockaddrIn(address, PORT));
        await (processes[to] as Process).accept(listeners[to] as number);
      }
    }
    const events = world.loop.eventCount;
    const begun = now();
    await world.sleep(HOUR_S * 1e6);
    const seconds = (now() - begun) / 1000;
    const counted = world.loop.eventCount - events;
    if (counted < LEAST_EVENTS) throw new Error(`sim-hour: ${counted} events, which is less than the connections have to do`);
    return HOUR_S / seconds;
  });
}

export async function simHour(rounds: number): Promise<Figure> {
  await hour(1);
  const figures: number[] = [];
  for (let i = 0; i < Math.min(rounds, 5); i++) figures.push(await hour(i + 2));
  return { value: median(figures), unit: 'virtual s/s', kernel: null, ratio: null, ratioMin: null, ratioMax: null, rounds: figures.length };
}
