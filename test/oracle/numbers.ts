/** The numbers that programs use: the project's constants (numbers.test.ts checks each against the C headers). */
import { Shut } from '../../src/transport/endpoint.ts';

export {
  AF, ETH_P, F, FD_CLOEXEC, IOCTL, IP, IPPROTO, IPV6, O, PACKET, PACKET_MR, SEEK, SO, SOCK, SOL, TCP,
} from '../../src/socket/constants.ts';
export { Msg as MSG } from '../../src/transport/endpoint.ts';
export { Poll as POLL } from '../../src/base/wait-queue.ts';
export const SHUT = Shut;
