/**
 * What is left of hosts: the leak check of worlds, of the oracle and of commands.
 *
 * A host that is at rest, some time after the last close, has no endpoint, no timer but those of its neighbours, and no
 * descriptor. What it held of the memory that all hosts share, and its places in wait queues, is given back at its end.
 */
import { slabStatistics } from '../base/slab.ts';
import { waitStatistics } from '../base/wait-queue.ts';
import type { Host } from '../host.ts';
import { fileStatistics } from '../kernel/open-file.ts';
import { packetStatistics } from '../link/packet.ts';
import { Neighbour } from '../net/neighbour.ts';
import { TcpEndpoint } from '../transport/tcp/tcp.ts';

/** What still exists on a host besides neighbour entries, in words. Standard input, output and errors do not count. */
export function leftoversOf({ stack, kernel, name }: Host): string[] {
  const left: string[] = [];
  for (const timer of stack.context.timers.queue) {
    if (!(timer instanceof Neighbour)) left.push(`${name}: timer of ${timer.constructor.name} at ${timer.deadline}`);
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
