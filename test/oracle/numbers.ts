/** The numbers that programs use: the project's constants (numbers.test.ts checks each against the C headers). */
import { Shut } from '../../src/transport/endpoint.ts';

export {
  AF, F, FD_CLOEXEC, IOCTL, IP, IPPROTO, IPV6, O, SO, SOCK, SOL, TCP,
} from '../../src/socket/constants.ts';
export { Msg as MSG } from '../../src/transport/endpoint.ts';
export const SHUT = Shut;
