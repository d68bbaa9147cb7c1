/**
 * Socket addresses for programs: making, reading and printing the bytes that the calls take (socket/sockaddr.ts).
 */
export { formatSockaddr, readSockaddr, readSockaddrUn, sockaddrIn, sockaddrIn6, sockaddrUn } from '../../socket/sockaddr.ts';
