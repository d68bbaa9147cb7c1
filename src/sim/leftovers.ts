/**
 * What is left of hosts: the leak check of worlds, of the oracle and of commands.
 *
 * A host that is at rest, some time after the last close, has no endpoint, no timer but those of its neighbours, and no
 * descriptor. What it held of the memory that all hosts share, and its places in wait queues, is given back at its end.
 */
import type { Timer } from '../base/timer-queue.ts';
import { slabStatistics } from '../base/slab.ts';
import { waitStatistics } from '../base/wait-queue.ts';
import type { Host } from '../host.ts';
import { fileStatistics } from '../kernel/open-file.ts';
import { OperationTimer } from '../kernel/operation.ts';
import type { KernelProcess } from '../kernel/process.ts';
import { packetStatistics } from '../link/packet.ts';
import { GeneralQuery, GroupReporter } from '../net/group-reporter.ts';
import { GroupMembership } from '../net/group-membership.ts';
import { AddressTest } from '../net/nd.ts';
import { Neighbour } from '../net/neighbour.ts';
import { Assembly } from '../net/reassembly.ts';
import { Redirects } from '../net/redirects.ts';
import { Bit } from '../transport/tcp/tcb.ts';
import { TcpEndpoint } from '../transport/tcp/tcp.ts';
import { ShortStay, TimeWaitQueue } from '../transport/tcp/time-wait.ts';
import { TcpState } from '../transport/tcp/state.ts';

/** What still exists on a host besides neighbour entries, in words. Standard input, output and errors do not count. */
export function leftoversOf({ stack, kernel, name }: Host): string[] {
  const left: string[] = [];
  for (const timer of stack.context.timers.queue) {
    if (!(timer instanceof Neighbour)) left.push(timerWords(name, timer));
  }
  for (const endpoint of stack.tcp.endpoints()) left.push(`${name}: TCP endpoint on port ${endpoint.localPort}`);
  for (const endpoint of stack.udp.endpoints()) left.push(`${name}: UDP endpoint on port ${endpoint.localPort}`);
  for (const endpoint of stack.raw.endpoints()) left.push(`${name}: raw endpoint of protocol ${endpoint.protocol}`);
  for (const holder of stack.tcp.ports) {
    if (!(holder instanceof TcpEndpoint)) left.push(`${name}: TCP port ${holder.localPort} of ${holder.constructor.name}`);
  }
  const { idsInUse } = stack.ping;
  if (idsInUse !== 0) left.push(`${name}: ${idsInUse} identifiers of ping sockets`);
  if (kernel.netlink.socketCount !== 0) left.push(`${name}: ${kernel.netlink.socketCount} netlink sockets`);
  const { socketCount, flights } = kernel.unix;
  if (socketCount !== 0) left.push(`${name}: ${socketCount} AF_UNIX sockets`);
  if (kernel.packet.socketCount !== 0) left.push(`${name}: ${kernel.packet.socketCount} packet sockets`);
  if (flights.total !== 0) left.push(`${name}: ${flights.total} descriptions in flight`);
  for (const process of kernel.everyProcess()) {
    if (process.exited) left.push(`${name}: process ${process.pid} (${process.name}) has ended, and nobody has waited for it`);
    for (const [fd] of process.descriptors.entries()) if (fd > 2) left.push(`${name}: descriptor ${fd} of process ${process.pid}`);
  }
  stack.context.release();
  return left;
}

/** A connection that nobody has a descriptor of any more goes on in these states, and in no other. */
const AFTER_CLOSE: readonly TcpState[] = [TcpState.FinWait1, TcpState.FinWait2, TcpState.Closing, TcpState.LastAck];

/**
 * What outlives every process, as on Linux: what a host does by itself. Whatever else has a timer belonged to a socket, a
 * descriptor or a call, and goes with it.
 */
const OF_THE_HOST: readonly (abstract new (...args: never[]) => Timer)[] = [
  // Neighbour entries age; an address is still being tested; redirects were learnt, or wait for their turn.
  Neighbour, AddressTest, Redirects,
  // Groups were left, which is said several times; somebody has asked for those that are left (the solicited-node ones).
  GroupReporter, GeneralQuery, GroupMembership,
  // Fragments whose packet may still be completed.
  Assembly,
  // TIME_WAIT, and a short FIN_WAIT2.
  TimeWaitQueue, ShortStay,
];

function mayOutlive(timer: Timer, but: KernelProcess | null): boolean {
  if (timer instanceof OperationTimer) return timer.process === but;
  if (timer instanceof TcpEndpoint) return (timer.bits & Bit.Orphan) !== 0 && AFTER_CLOSE.includes(timer.state);
  return OF_THE_HOST.some((kind) => timer instanceof kind);
}

/**
 * What is still there at once after the last process of a host has ended, in words: what `leftoversOf` says, but for what
 * TCP and the host itself still have to do. `but`: a process that goes on, and keeps time. While there are others, nothing
 * is said: what they have is theirs.
 */
export function straysOf(host: Host, but: KernelProcess | null = null): string[] {
  const { stack, kernel, name } = host;
  for (const process of kernel.processes()) if (process !== but) return [];
  const left: string[] = [];
  for (const timer of stack.context.timers.queue) if (!mayOutlive(timer, but)) left.push(timerWords(name, timer));
  for (const endpoint of stack.tcp.endpoints()) {
    if (!mayOutlive(endpoint, but)) left.push(`${name}: TCP endpoint on port ${endpoint.localPort}`);
  }
  left.push(...countsLeft(host));
  return [...left, ...leftoversOf(host).filter((line) => !/: (timer of|TCP endpoint|TCP port) /.test(line))];
}

/** Groups that addresses and interfaces join: all nodes, all routers, solicited-node. */
const GROUPS_OF_THE_HOST = /^(224\.0\.0\.[12]|ff0[125]::[12]|ff02::1:ff[0-9a-f:]+)$/;

/** What the kernel counts of its processes: nothing of it has anybody to count for. */
function countsLeft({ kernel, network, name }: Host): string[] {
  const { attachments, undos, notifications } = kernel.ipc.heldByProcesses();
  const counts: Record<string, number> = {
    'pending signals and timers': kernel.pendingSignals.total, 'watches of epolls': kernel.epollWatches.total, 'slots of pipes': kernel.pipePages.inUse,
    'attachments of shared memory': attachments, 'semaphores to undo': undos, 'queues that would tell of a message': notifications,
  };
  for (const { device, isPromiscuous, groups } of network.interfaces()) {
    counts[`listeners to all frames of ${device.name}`] = device.promiscuity - (isPromiscuous ? 1 : 0);
    for (const { group, refs } of groups) if (!GROUPS_OF_THE_HOST.test(`${group}`)) counts[`members of ${group} on ${device.name}`] = refs;
  }
  return Object.entries(counts).filter(([, count]) => count !== 0).map(([what, count]) => `${name}: ${count} ${what}`);
}

function timerWords(name: string, timer: Timer): string {
  return `${name}: timer of ${timer.constructor.name} at ${timer.deadline}`;
}

/** What all hosts share, compared with what it was when this was made. */
export class SharedLeftovers {
  private readonly before = counts();

  /** What has not been given back since, in words. */
  words(): string[] {
    const now = counts();
    return Object.keys(now).flatMap((what) => {
      const more = (now[what] as number) - (this.before[what] as number);
      return more === 0 ? [] : [`${more} ${what}`];
    });
  }
}

function counts(): Record<string, number> {
  return {
    chunks: slabStatistics.chunksInUse, ranges: slabStatistics.rangesInUse, packets: packetStatistics.packetsInUse,
    'wait-queue entries': waitStatistics.entries, 'open file descriptions': fileStatistics.descriptions,
  };
}
