/**
 * The texts of /etc that names are read from: hosts(5), services(5), protocols(5), passwd(5), group(5). What a host has from
 * the start.
 *
 * Called by Host. There is no resolv.conf: without one nothing is asked of any server that was not named.
 */

/** Ports as IANA has registered them, under the names that Debian gives them: NAME PORT/PROTOCOLS ALIASES. */
const SERVICES = `
tcpmux 1/tcp
echo 7/tcp,udp
discard 9/tcp,udp sink null
systat 11/tcp users
daytime 13/tcp,udp
netstat 15/tcp
qotd 17/tcp quote
chargen 19/tcp,udp ttytst source
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
time 37/tcp,udp timserver
whois 43/tcp nicname
domain 53/tcp,udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
gopher 70/tcp
finger 79/tcp
http 80/tcp www
kerberos 88/tcp,udp kerberos5 krb5 kerberos-sec
pop3 110/tcp pop-3
sunrpc 111/tcp,udp portmapper
auth 113/tcp authentication tap ident
nntp 119/tcp readnews untp
ntp 123/udp
netbios-ns 137/udp
netbios-dgm 138/udp
netbios-ssn 139/tcp
imap2 143/tcp imap
snmp 161/tcp,udp
snmp-trap 162/tcp,udp snmptrap
bgp 179/tcp
irc 194/tcp,udp
ldap 389/tcp,udp
https 443/tcp,udp
microsoft-ds 445/tcp,udp
isakmp 500/udp
login 513/tcp
who 513/udp whod
shell 514/tcp cmd syslog
syslog 514/udp
printer 515/tcp spooler
route 520/udp router routed
submission 587/tcp
ipp 631/tcp
ldaps 636/tcp,udp
domain-s 853/tcp,udp
rsync 873/tcp
imaps 993/tcp
pop3s 995/tcp
socks 1080/tcp
openvpn 1194/tcp,udp
ms-sql-s 1433/tcp
radius 1812/tcp,udp
mqtt 1883/tcp
nfs 2049/tcp,udp
mysql 3306/tcp
ms-wbt-server 3389/tcp
stun 3478/tcp,udp turn
svn 3690/tcp subversion
iax 4569/udp
xmpp-client 5222/tcp jabber-client
xmpp-server 5269/tcp jabber-server
mdns 5353/udp
postgresql 5432/tcp postgres
amqp 5672/tcp,udp,sctp
vnc-server 5900/tcp
x11 6000/tcp x11-0
redis 6379/tcp
ircd 6667/tcp
http-alt 8080/tcp,udp webcache
git 9418/tcp
sip 5060/tcp,udp
sip-tls 5061/tcp,udp
`;

/** NUMBER NAME, which services are looked up under; the alias is the same in capitals unless one stands here. */
const PROTOCOLS = `
0 ip
1 icmp
2 igmp
6 tcp
17 udp
33 dccp
41 ipv6 IPv6
43 ipv6-route IPv6-Route
44 ipv6-frag IPv6-Frag
47 gre
50 esp IPSEC-ESP
51 ah IPSEC-AH
58 ipv6-icmp IPv6-ICMP
59 ipv6-nonxt IPv6-NoNxt
60 ipv6-opts IPv6-Opts
89 ospf OSPFIGP
103 pim
112 vrrp
132 sctp
136 udplite UDPLite
`;

function servicesText(): string {
  const lines: string[] = [];
  for (const line of SERVICES.trim().split('\n')) {
    const [name, ports, ...aliases] = line.split(' ');
    const [port, protocols] = ports.split('/');
    for (const protocol of protocols.split(',')) lines.push([name, `${port}/${protocol}`, ...aliases].join('\t'));
  }
  return `${lines.join('\n')}\n`;
}

function protocolsText(): string {
  return PROTOCOLS.trim().split('\n').map((line) => {
    const [number, name, alias = name.toUpperCase()] = line.split(' ');
    return `${name}\t${number}\t${alias}\n`;
  }).join('');
}

/** Path and text of the files; a host's own name has the address that Debian's installer gives it. */
export function etcTexts(hostname: string): Map<string, string> {
  const hosts = [
    '127.0.0.1\tlocalhost', `127.0.1.1\t${hostname}`, '::1\tlocalhost ip6-localhost ip6-loopback', 'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  return new Map([
    ['/etc/hosts', `${hosts.join('\n')}\n`],
    ['/etc/services', servicesText()],
    ['/etc/protocols', protocolsText()],
    ['/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'],
    ['/etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
  ]);
}
