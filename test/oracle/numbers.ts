/** The numbers that programs use: the project's constants (numbers.test.ts checks each against the C headers). */
import { Shut } from '../../src/transport/endpoint.ts';

export {
  AF, ETH_P, F, FD_CLOEXEC, IOCTL, IP, IPPROTO, IPV6, MCAST, MCAST_MODE, O, PACKET, PACKET_MR, SEEK, SO, SOCK, SOL, TCP, UDP,
} from '../../src/socket/constants.ts';
export { Msg as MSG } from '../../src/transport/endpoint.ts';
export { Poll as POLL } from '../../src/base/wait-queue.ts';
export const SHUT = Shut;
export { CloseRange as CLOSE_RANGE } from '../../src/kernel/calls/descriptors.ts';
export { Resource as RLIMIT } from '../../src/kernel/resource-limits.ts';
export { ActionFlag as SA, MaskHow as SIG_MASK, Signal as SIG, SignalCode as SI } from '../../src/kernel/signal-numbers.ts';
export { WaitFlag as W } from '../../src/kernel/wait-child.ts';
