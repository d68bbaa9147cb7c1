/**
 * Filter expressions: those that both libpcap and we take, and those that both refuse. One per line.
 *
 * Used by filter-verdicts.test.ts and filter-captures.test.ts. An expression of the first list may be refused on other link
 * types than Ethernet, then by both.
 */
import type { Draw } from '../tools/packet-bytes.ts';

function lines(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

/** Every form of pcap-filter(7) that we have, and the ways people combine them. */
export const EXPRESSIONS: readonly string[] = lines(String.raw`
ip
ip6
arp
rarp
tcp
udp
sctp
icmp
icmp6
igmp
igrp
pim
vrrp
carp
ah
esp
aarp
atalk
decnet
lat
sca
mopdl
moprc
iso
stp
ipx
netbeui
pppoed
not ip
! ip
not not ip
ip or ip6
ip or arp or rarp
ip and tcp
ip and not tcp
ip6 and udp
not (tcp or udp)
not tcp and not udp
tcp or udp and ip6
tcp or (udp and ip6)
(tcp or udp) and ip6
ip && tcp
ip || ip6
!tcp && !udp
icmp or icmp6
host 10.0.0.1
src host 10.0.0.1
dst host 10.0.0.1
src 10.0.0.1
dst 10.0.0.2
src or dst host 10.0.0.1
src and dst host 10.0.0.1
dst or src 10.0.0.1
dst and src 10.0.0.1
ip host 10.0.0.1
ip src 10.0.0.1
ip dst 10.0.0.2
arp host 10.0.0.1
arp src 10.0.0.1
arp dst host 10.0.0.2
rarp host 10.0.0.1
rarp src 10.0.0.1
host 10.0.0.1 or 10.0.0.2
host 10.0.0.1 and 10.0.0.2
host 10.0.0.1 and not 10.0.0.2
host (10.0.0.1 or 10.0.0.2)
host not 10.0.0.1
host not (10.0.0.1 or 10.0.0.2)
not host 10.0.0.1
not host 10.0.0.1 and 10.0.0.2
src host 10.0.0.1 and dst host 10.0.0.2
src host 10.0.0.1 or 10.0.0.2 or 192.0.2.1
host 10.0.0.1 and (192.0.2.2 or 10.0.0.2)
host 127
host 10
host 10.1
host 10.1.2
host 255.255.255.255
host 0.0.0.0
host 167772161
host 0x0a000001
host ::1
host ::
host 2001:db8::1
host 2001:db8::2
src host 2001:db8::1
dst host 2001:db8::2
src and dst host 2001:db8::1
ip6 host 2001:db8::1
ip6 src 2001:db8::1
host 2001:db8::1/128
host ::ffff:192.0.2.1
host ff02::1:ff01:203
host 2001:db8::1 or 10.0.0.1
host 10.0.0.1 or ::1
net 10
net 10.0
net 10.0.0
net 10.0.0.1
net 127
net 192.168
net 192.168.1
src net 10
dst net 10.0
src and dst net 10
src or dst net 192.168
ip net 10
arp net 10
rarp net 10
net 10.0.0.0/8
net 10.0.0.0/24
net 10.0/16
net 10.1/16
net 10.0.0.0/30
net 10.0.0.1/32
net 0.0.0.0/0
net 224.0.0.0/4
src net 192.168.0.0/16
net 10.0.0.0 mask 255.0.0.0
net 10.0 mask 255.255.0.0
net 10.0.0.0 mask 255.255.255
src net 10.0.0.0 mask 255.255.255.252
net 2001:db8::/32
net 2001:db8::/33
net 2001:db8::/64
net 2001:db8::1/128
net fe80::/10
net ff00::/8
net ::/0
net ::/96
net ::1
src net 2001:db8::/32
dst net 2001:db8::/48
src and dst net 2001:db8::/32
ip6 net 2001:db8::/32
not net 10
net 10 or 192.168
net 256
net 0
port 80
port 0
port 65535
port 0x50
port 0120
port 9502
src port 9502
dst port 9502
src or dst port 9502
src and dst port 9502
tcp port 80
udp port 53
sctp port 9
tcp src port 9502
tcp dst port 9502
udp src port 9502
udp dst port 53
sctp src port 22
tcp src and dst port 9502
tcp src or dst port 80
port 80 or 443
port 80 or port 443
port 80 and 9502
port 80 and not 443
port (80 or 443 or 9502)
port not 80
port not (80 or 443)
port ((80))
tcp port 80 or 443
tcp port 80 or udp port 53
tcp port 20 or 21 or 22
not port 80
not port 80 and not port 443
!(port 80 || port 443)
port 9500 or 9501 or 9502 or 20000 or 32768
portrange 80-90
portrange 0-65535
portrange 0-1023
portrange 6000-6008
portrange 6008-6000
portrange 9500-9502
portrange 80
portrange 010-020
src portrange 0-1023
dst portrange 1024-65535
src and dst portrange 9000-10000
tcp portrange 80-443
udp portrange 1-53
sctp portrange 1-1000
tcp src portrange 20-25
tcp dst portrange 9000-9999
not portrange 0-1023
portrange 20-22 or 80-81
ip proto 6
ip proto 17
ip proto 1
ip proto 0
ip proto 255
ip proto 300
ip proto \tcp
ip proto \udp
ip proto \icmp
ip proto \esp
ip proto gre
ip proto ospf
ip proto ipv6
ip proto 6 or 17
ip proto (6 or 17)
ip proto not 6
ip proto 6 and not 17
ip6 proto 6
ip6 proto 17
ip6 proto 58
ip6 proto 44
ip6 proto 0
ip6 proto \udp
ip6 proto ipv6-icmp
proto 6
proto 17
proto 58
proto 1
proto \tcp
proto \sctp
proto gre
not proto 6
ether proto 0x0800
ether proto 0x86dd
ether proto 0x806
ether proto 0x8100
ether proto 2048
ether proto \ip
ether proto \ip6
ether proto \arp
ether proto \rarp
ether proto \stp
ether proto \ipx
ether proto \iso
ether proto \atalk
ether proto \aarp
ether proto \netbeui
ether proto loopback
ether proto 5
ether proto 0x42
ether proto 0xaa
ether proto 0xe0
ether proto 1500
ether proto 1501
ether proto 1536
ether proto 0x1234 or 0x88b5
link proto 0x800
ether host 02:00:00:00:00:01
ether src 02:00:00:00:00:01
ether dst 02:00:00:00:00:01
ether src host 2:0:0:0:0:2
ether dst host 02-00-00-00-00-01
ether host 0200.0000.0001
ether host 020000000001
ether host 02.00.00.00.00.02
ether src and dst 02:00:00:00:00:01
ether src or dst 02:00:00:00:00:01
ether host 02:00:00:00:00:01 and not 02:00:00:00:00:02
not ether dst 02:00:00:00:00:02
ether dst ff:ff:ff:ff:ff:ff
ether broadcast
broadcast
ether multicast
multicast
ip broadcast
ip multicast
ip6 multicast
not broadcast and not multicast
ether multicast and not ether broadcast
broadcast or ip multicast
vlan
vlan 5
vlan 100
vlan 0x64
vlan (5)
vlan 4095
vlan 0
not vlan
vlan and ip
vlan and ip6
vlan and tcp
vlan and udp port 9502
vlan 5 and host 10.0.0.1
vlan and vlan
vlan 100 and vlan 200
vlan 100 && vlan 200
vlan and vlan and ip
vlan and vlan 5 and tcp
vlan or ip
not vlan and ip
vlan and arp
vlan and ip[0] & 15 != 5
vlan and tcp[0:2] = 9502
vlan and stp
vlan and ether proto 0x1234
vlan 5 or vlan 100
(vlan 5 and ip) or (vlan 100 and ip6)
len = 60
len > 100
len >= 100
len < 60
len <= 60
len != 60
length > 64
less 100
greater 100
less 0
greater 0
less 60 or greater 120
len - 14 > 40
len & 1 = 1
len % 2 = 0
len * 2 > 200
len = len
ether[0] & 1 != 0
ether[0] & 1 = 0
ether[12:2] = 0x800
ether[12:2] > 1500
ether[0:4] = 0x02000000
link[12:2] = 0x806
ether[6:4] != ether[0:4]
ip[0] & 0xf != 5
ip[0] & 0xf0 = 0x40
ip[0] = 0x45
ip[1] != 0
ip[2:2] > 50
ip[2:2] - 20 > 40
ip[4:2] & 0xff > 127
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x1fff != 0
ip[6:2] & 0x2000 != 0
ip[6] & 0x40 != 0
ip[8] < 5
ip[8] = 64
ip[9] = 6
ip[9] = 6 or ip[9] = 17
ip[12:4] = 0x0a000001
ip[16:4] & 0xff000000 = 0x0a000000
ip[16] >= 224
ip[12:4] = ip[16:4]
ip[12:4] != ip[16:4]
ip[12:4] < ip[16:4]
ip[ip[0] & 15] = 0
ip[(ip[0] & 15) << 2:2] = 9502
ip[20] = 8
ip[2:2] = len - 14
ip[2:2] != len - 14
ip[2:2] <= len
ether[0] & 1 = 0 and ip[16] >= 224
ip6[0] & 0xf0 = 0x60
ip6[6] = 6
ip6[6] = 58
ip6[7] = 255
ip6[4:2] > 30
ip6[8:4] = 0x20010db8
ip6[40] = 128
ip6[40:2] = 9502
ip6[24:2] = 0xff02
arp[6:2] = 1
arp[6:2] = 2
arp[7] = 1
arp[14:4] = 0x0a000001
rarp[6:2] = 3
tcp[0:2] = 9502
tcp[2:2] = 9502
tcp[13] = 2
tcp[13] = 18
tcp[13] & 2 != 0
tcp[13] & 2 = 2
tcp[13] & 3 = 0
tcp[tcpflags] = tcp-syn
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] & (tcp-syn | tcp-ack) == (tcp-syn | tcp-ack)
tcp[tcpflags] & (tcp-rst|tcp-ack) == (tcp-rst|tcp-ack)
tcp[tcpflags] & tcp-push != 0
tcp[tcpflags] & tcp-urg = 0
tcp[tcpflags] & (tcp-ece|tcp-cwr) != 0
tcp[12] & 0xf0 > 0x50
tcp[12] >> 4 = 5
(tcp[12] & 0xf0) >> 2 = 20
tcp[(tcp[12] & 0xf0) >> 2] = 0x61
tcp[4:4] > 0x80000000
tcp[8:4] = 0
tcp[14:2] < 1000
tcp port 9502 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
tcp and tcp[0:2] > 1024 and tcp[2:2] < 1024
udp[0:2] = 9502
udp[4:2] > 20
udp[8] = 0x61
udp[8:4] & 0xff000000 != 0
udp[6:2] = 0
icmp[0] = 8
icmp[icmptype] = icmp-echo
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp[icmptype] = icmp-unreach
icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 3
icmp[icmpcode] = 0
icmp[icmptype] = icmp-timxceed or icmp[icmptype] = icmp-redirect
icmp6[icmp6type] = icmp6-echo
icmp6[icmp6type] = icmp6-neighborsolicit
icmp6[icmp6type] = icmp6-neighborsolicit or icmp6[icmp6type] = icmp6-neighboradvert
icmp6[icmp6code] = 0
icmp6[0] = 135
icmp6[4:4] != 0
igmp[0] = 0x16
igmp[0:1] > 0x11
sctp[0:2] = 9502
pim[0] & 15 = 0
vrrp[0] = 0x21
carp[1] = 1
decnet[0] = 1
atalk[4] = 0
1 = 1
2 + 2 = 4
0 < 1
-1 > 1
- 1 + 2 = 1
7 % 4 + 1 = 2
7 % 4 * 2 = 7
1 | 2 & 4 = 1
1 ^ 2 | 3 = 2
1 << 2 | 1 = 5
0x80000000 > 0x7fffffff
ip[8] + 1 > 64
ip[8] - 1 < 64
ip[8] * 2 = 128
ip[8] / 2 = 32
ip[8] % 2 = 0
ip[8] | 1 = 65
ip[8] ^ 0xff = 191
ip[8] << 1 = 128
ip[8] >> 1 = 32
ip[8] / ip[9] > 3
ip[8] % ip[9] = 4
1000 / ip[8] = 15
ip[8] << ip[0] > 1000
-ip[8] > 0xffffff00
ip[0] + ip[1] * ip[8] - ip[9] > 100
(ip[0] + ip[1]) * (ip[8] - ip[9]) > 10000
ip[0] - (ip[1] - (ip[8] - (ip[9] - ip[10]))) > 50
((ip[0] + ip[1]) + (ip[2] + ip[3])) - ((ip[8] + ip[9]) + (ip[10] + ip[11])) < 1000
64 = ip[8]
64 > ip[8]
64 >= ip[8]
64 < ip[8]
64 <= ip[8]
64 != ip[8]
ip[8] > tcp[13]
ip[8] & tcp[13] != 0
ip[8] & 0x40 = 0x40
ip[8] = 64 and ip[8] != 65
tcp[13] = 2 or tcp[13] = 18
not tcp[13] = 2
not ip[8] = 64
!ip[8] > 64
(ip[8] = 64)
((ip[8])) = (64)
not (ip[8] = 64 and tcp)
ip[50] & 0 = 0
ip[50] * 0 = 0
ip[100] >= 0
ip[1000] = 0
ether[2000] = 0
ip or not ip
tcp and host 10.0.0.1
tcp and (host 10.0.0.1 or host 192.0.2.1)
tcp and port 9502 and host 192.0.2.1
host 192.0.2.1 and tcp port 9502
host 192.0.2.1 and not tcp port 9502
ip host 192.0.2.1 and not 192.0.2.2
udp and not port 53
udp and not port 53 and not net 10
(tcp or udp) and port 9502
(tcp and port 80) or (udp and port 53)
(icmp or icmp6) and host 192.0.2.1
ip and (tcp[13] & 2 != 0 or udp port 9502)
not arp and not icmp and not icmp6
not (host 10.0.0.1 and port 80)
not (src net 10 or dst net 10)
src net 10 and not dst net 10
src net 192.0.2 and dst port 9502
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not src and dst net 10
arp or icmp6[icmp6type] = 135 or icmp6[icmp6type] = 136
ether src 02:00:00:00:00:01 and tcp
ether host 02:00:00:00:00:01 and ip host 192.0.2.1
ether proto \ip and host 192.0.2.1
len > 60 and tcp
less 100 and udp
greater 60 and not tcp
port 80 or host 10.0.0.1 or net 192.168
port 80 and host 10.0.0.1 and net 192.168
ip6 and not ip6 host 2001:db8::1
ip6 net 2001:db8::/32 and tcp port 9502
ip6 multicast or ip multicast
inbound
outbound
inbound and tcp
not outbound
ifindex 1
ifindex 2
ifindex 2 and ip
`);

/** Refused by libpcap on Ethernet, and by us. */
export const WRONG_EXPRESSIONS: readonly string[] = lines(String.raw`
and
or
not
tcp and
tcp or
and tcp
tcp or or udp
tcp udp
tcp not udp
(tcp
tcp)
()
(tcp or udp
tcp and (udp
host
src
src host
port
net
portrange
proto
ip proto
80
10.0.0.1
not 10.0.0.1
2001:db8::1
10.0.0.0/8
(80 or 443)
tcp 80
tcp and 80
tcp or 10.0.0.1
ip[0] = 5 and 80
vlan and 10.0.0.1
port 80 or (tcp or 81)
port 80 or (81 or tcp)
(port 80) or (tcp) or 81
port (80 or tcp)
host (10.0.0.1 or tcp)
src dst 10.0.0.1
src src 10.0.0.1
src tcp port 80
src ether 1:2:3:4:5:6
host 10.0.0.1 port 80
host net 10
port port 80
port http https
port -1
port 80.5
port 1.2.3.4
port ::1
port 1:2:3:4:5:6
port 65536
port 100000
port 09
port 0x
port 99999999999
port nosuchservice
port tcp
tcp port 80-90
arp port 80
ip port 80
ip6 port 80
icmp port 80
ether port 80
portrange 80-
portrange -80
portrange 80 - 90
portrange 1-70000
portrange 0x50-0x60
portrange nosuch-80
portrange ftp-data-telnet
portrange 1.2.3.4
ip portrange 1-2
host tcp
host 1.2.3.256
host 1.2.3.4.5
host 1..2
host ::1::2
host 1:2:3
host 1:2:3:4:5:6
host 2001:db8::1/64
host 10.0.0.1/32
host 10.0.0.1/24
host nosuchhost.invalid
tcp host 10.0.0.1
udp src 10.0.0.1
icmp host 10.0.0.1
sctp net 10
ip6 host 10.0.0.1
ip host ::1
arp host ::1
ether 1:2:3:4:5:6
ether host foo
ether host 10.0.0.1
ether host 1:2:3:4:5
ether host ::1
ether net 10
ether src net 10.0.0.0/8
src 1:2:3:4:5:6
net 10/8
net 10.0.0.1/8
net 10.1.2.3/16
net 1.2.3.4/33
net 10.0.0.1 mask 255.0.0.0
net 10 mask 255.0.0.0
net 10.0.0.0 mask 8
net 10.0.0.0/8 mask 255.0.0.0
net 2001:db8::1/64
net ::1/129
net 2001:db8:: mask ffff::
net 300.1
net nosuchnet
ip proto tcp
ether proto ip
proto udp
ip proto nosuch
ip proto 1.2.3.4
ip proto ::1
tcp proto 6
udp proto 6
icmp proto 1
arp proto 5
src proto 6
ip src proto 6
ether proto nosuch
ether proto \tcp
ether
link
ip broadcast broadcast
ip6 broadcast
arp broadcast
tcp broadcast
arp multicast
udp multicast
less
less tcp
less -1
less (10)
greater
greater 10.0.0.1
vlan 4096
vlan 100000
vlan foo
vlan -1
ifindex

tcp[
tcp[0
tcp[0]
tcp[0] =
tcp[0] = = 2
tcp[0:]
tcp[0:3] = 1
tcp[0:0] = 1
tcp[0:2+2] = 1
tcp[] = 1
tcp[0] = tcp
tcp[0] = 1 = 1
tcp[0] & 5
tcp[0] tcp[1]
ip[0] + = 5
ip[0] == == 5
ip[foo] = 5
ip[10.0.0.1] = 5
ah[0] = 1
esp[0] = 1
iso[0] = 1
stp[0] = 1
ipx[0] = 1
aarp[0] = 1
len
len 5
len > 
len > tcp
len[0] = 1
host[0] = 1
5 and tcp
5
1 = 1 = 1
ip[0] / 0 = 1
ip[0] % 0 = 1
ip[0] << 32 = 1
ip[0] >> 40 = 1
ip[0] > 99999999999
tcp-syn
tcp-foo = 2
icmp-foo
TCP
tcp AND udp
tcp @ udp
tcp $ udp
tcp ; udp
{tcp}
"tcp"
tcp[tcpflags] & (tcp-syn!tcp-fin) != 0
ip and arp
tcp and udp
tcp and icmp
ip6 and ip
ip6 host ::1 and ip
host 10.0.0.1 and ip6
tcp port 80 and udp port 80
arp and port 80
ip and not ip
1 = 2
2 + 2 = 5
ip[0] = 5 and ip[0] = 6
ip[0] > 5 and not ip[0] > 5
vlan and ip and arp
ip6 and tcp[0] = 1
outbound
inbound
ifindex 1
`);

/** With the names of Debian's /etc/services and /etc/protocols. */
export const NAMED_EXPRESSIONS: readonly string[] = lines(`
port domain
port http
port ssh or telnet
tcp port domain
udp port domain
tcp port http
tcp port ftp or ftp-data or domain
src port https
not port ssh
portrange http-https
portrange ftp-telnet
portrange 20-telnet
portrange telnet-20
tcp portrange ssh-http
portrange 1-http
ip proto ospf
ip proto gre or esp
ip6 proto ipv6-icmp
net loopback
host localhost
`);

/** A division by zero drops a packet as a failed load does: whether it is made at all, is the optimizers' choice. */
const PARTS = EXPRESSIONS.filter((expression) => !/[/%] ip\[/.test(expression));

/** Parts of the list, joined. */
export function randomExpression(draw: Draw, depth: number): string {
  if (depth === 0 || draw.chance(0.3)) return `(${draw.pick(PARTS)})`;
  const left = randomExpression(draw, depth - 1);
  if (draw.chance(0.2)) return `not ${left}`;
  return `(${left} ${draw.pick(['and', 'or', '&&', '||'])} ${randomExpression(draw, depth - 1)})`;
}
