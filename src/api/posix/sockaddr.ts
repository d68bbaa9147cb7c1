/**
 * Socket addresses for programs: making, reading and printing the bytes that the calls take (socket/sockaddr.ts).
 */
export { formatSockaddr, readSockaddr, sockaddrIn, sockaddrIn6 } from '../../socket/sockaddr.ts';
