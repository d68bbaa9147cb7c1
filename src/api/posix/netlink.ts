/** Netlink messages for programs (wire/netlink.ts): what <linux/netlink.h> and <linux/rtnetlink.h> are to C. */
export {
  attributeText, attributeUint32, NLM_F, NLMSG, NLMSG_HDRLEN, NLMSGERR_ATTR_MSG, NetlinkMessage, NetlinkWriter, readAttributes, readNetlink,
} from '../../wire/netlink.ts';
export {
  IFA, IFA_F, IFADDRMSG_LEN, IFF_LOWER_UP, IFINFOMSG_LEN, IFLA, NDA, NDMSG_LEN, NTF, OPERSTATE, RT_SCOPE, RT_TABLE, RTA, RTCF, RTM, RTM_F,
  RTMSG_LEN, RTN, RTNH_F, RTNLGRP, RTPROT,
} from '../../wire/netlink-route.ts';
export { sockaddrNl } from '../../socket/family/netlink-address.ts';
