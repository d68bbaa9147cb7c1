/**
 * The entry `sockscape`: hosts, processes and their calls, socket addresses, byte order, link devices. Isomorphic, no
 * dependency.
 */
export { htonl, htons, ntohl, ntohs } from '../base/byte-order.ts';
export type { Environment } from '../base/environment.ts';
export { errnoName, strerror } from '../base/errno.ts';
export { inet_aton, inet_ntoa, inet_ntop, inet_pton, IpAddress } from '../base/inet-address.ts';
export { Loop } from '../base/loop.ts';
export { type RandomSource, SeededRandom } from '../base/random.ts';
export * from '../api/posix/constants.ts';
export { isErrno, systemError } from '../api/posix/errors.ts';
export { int32, linger, timeval } from '../api/posix/option-values.ts';
export { Process, type SpawnOptions } from '../api/posix/process.ts';
export type { MessageHeader, PollFd, PollRequest, ReceivedMessage, Syscalls, SystemError } from '../api/posix/syscalls.ts';
export { Host, type HostOptions } from '../host.ts';
export type { RouteOptions } from '../net/route-request.ts';
export { Cable, type CableOptions } from '../link/cable.ts';
export { Device, type FrameTap, type NetInput } from '../link/device.ts';
export { LoopbackDevice } from '../link/loopback.ts';
export { type Packet, takePacket } from '../link/packet.ts';
export { Switch } from '../link/switch.ts';
export { formatSockaddr, readSockaddr, sockaddrIn, sockaddrIn6 } from '../socket/sockaddr.ts';
