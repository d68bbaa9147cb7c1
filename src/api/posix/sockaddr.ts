/**
 * Socket addresses for programs: making, reading and printing the bytes that the calls take (socket/sockaddr.ts, packet-address.ts).
 */
export { formatSockaddr, readSockaddr, readSockaddrUn, sockaddrIn, sockaddrIn6, sockaddrUn } from '../../socket/sockaddr.ts';
export { readSockaddrNl, sockaddrNl } from '../../socket/family/netlink-address.ts';
export { type LinkAddress, readSockaddrLl, sockaddrLl } from '../../socket/family/packet-address.ts';
export { filterBytes } from '../../socket/socket-filter.ts';
