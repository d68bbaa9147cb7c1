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
export * from '../api/posix/icmp-constants.ts';
export { isErrno, systemError } from '../api/posix/errors.ts';
export { GaiError, gai_strerror } from '../api/posix/gai-error.ts';
export { type Addrinfo, type AddrinfoHints, getaddrinfo } from '../api/posix/getaddrinfo.ts';
export { getnameinfo } from '../api/posix/getnameinfo.ts';
export { if_indextoname, if_nameindex, if_nametoindex, type Ifaddrs, type NameIndex } from '../api/posix/ifaddrs.ts';
export type { NameProcess } from '../api/posix/name-process.ts';
export {
  getprotobyname, getprotobynumber, getservbyname, getservbyport, type Protoent, type Servent,
} from '../api/posix/name-tables.ts';
export * from '../api/posix/netdb-constants.ts';
export { group_filter, group_req, group_source_req, ip_mreq_source, ip_mreqn, ipv6_mreq } from '../api/posix/multicast-values.ts';
export { int32, linger, timeval } from '../api/posix/option-values.ts';
export { Process, type SpawnOptions } from '../api/posix/process.ts';
export type { DescriptorSet, EpollEvent, TimerSetting } from '../api/posix/event-syscalls.ts';
export type {
  IpcChange, MessageQueueStatus, PriorityMessage, QueueAttributes, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus,
  SharedSegmentStatus,
} from '../api/posix/ipc-syscalls.ts';
export type { DirectoryEntry, Stat } from '../api/posix/file-syscalls.ts';
export type { FileTimes, Statfs } from '../api/posix/file-state-syscalls.ts';
export type { MessageRoom } from '../api/posix/batch-syscalls.ts';
export * from '../api/posix/stdio.ts';
export type { CredentialSyscalls, ProcessSyscalls, Rlimit, WaitResult } from '../api/posix/process-syscalls.ts';
export type { ChildOptions, Program } from '../api/posix/program.ts';
export type {
  IntervalTimerValue, Sigaction, Sigevent, SignalDisposition, SignalInformation, SignalSyscalls,
} from '../api/posix/signal-syscalls.ts';
export type { MessageHeader, PollFd, PollRequest, ReceivedMessage, Syscalls, SystemError } from '../api/posix/syscalls.ts';
export { Host, type HostOptions } from '../host.ts';
export type { RouteOptions } from '../net/route-request.ts';
export { Cable, type CableOptions } from '../link/cable.ts';
export { Device, type FrameTap, type NetInput } from '../link/device.ts';
export { LoopbackDevice } from '../link/loopback.ts';
export { type Packet, takePacket } from '../link/packet.ts';
export { Switch } from '../link/switch.ts';
export {
  CMSG_ALIGN, CMSG_LEN, CMSG_SPACE, type ControlMessage, controlData, controlMessage, credentialsMessage, readControl,
  receivedCredentials, receivedDescriptors, rightsMessage,
} from '../socket/control.ts';
export { readSockaddrNl, sockaddrNl } from '../socket/family/netlink-address.ts';
export { type LinkAddress, readSockaddrLl, sockaddrLl } from '../socket/family/packet-address.ts';
export { filterBytes } from '../socket/socket-filter.ts';
export { formatSockaddr, readSockaddr, readSockaddrUn, sockaddrIn, sockaddrIn6, sockaddrUn } from '../socket/sockaddr.ts';
