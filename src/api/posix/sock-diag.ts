/** Messages of NETLINK_SOCK_DIAG (sock_diag(7)) for programs: building requests, reading answers. */
export { NetlinkWriter, NLM_F, NLMSG, readAttributes, readNetlink } from '../../wire/netlink.ts';
export {
  INET_DIAG, INET_DIAG_MSG_LEN, inetDiagRequest, PACKET_DIAG, PACKET_DIAG_MSG_LEN, PACKET_SHOW, packetDiagRequest, SOCK_DIAG_BY_FAMILY,
  UDIAG_SHOW, UNIX_DIAG, UNIX_DIAG_MSG_LEN, unixDiagRequest,
} from '../../wire/sock-diag.ts';
