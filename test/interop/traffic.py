"""One end of the traffic that test/interop/real-captures.ts captures: run in two network namespaces that a veth joins.

    python3 traffic.py serve DEVICE OWN OTHER     answers: HTTP on port 80 (both families), DNS on 53, a sink of datagrams on 9502
    python3 traffic.py talk DEVICE OWN OTHER      sends what ping, curl and dig do not

Both ends carry two devices over the veth: `tag0`, whose frames have an 802.1Q tag on the wire (for those who have no VLAN devices
in their kernel), and `tun0`, whose IP packets travel in datagrams, so that a capture there has no link header at all.
"""
import fcntl
import http.server
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

MODE, DEVICE, OWN, OTHER = sys.argv[1:5]
TUNSETIFF = 0x400454ca
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
TAG = 5
TUNNEL_PORT = 4444


def command(*words):
    subprocess.run(words, check=True)


def device(name, flags, *addresses):
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', name.encode(), flags | IFF_NO_PI))
    for address in addresses:
        command('ip', 'address', 'add', address, 'dev', name, *(['nodad'] if ':' in address else []))
    command('ip', 'link', 'set', name, 'up')
    return fd


def carry_tagged(fd, wire):
    """Frames of a TAP device, onto the wire with a tag and back without."""
    while True:
        for ready in select.select([fd, wire], [], [])[0]:
            if ready == fd:
                frame = os.read(fd, 65536)
                wire.send(frame[:12] + struct.pack('!HH', 0x8100, TAG) + frame[12:])
                continue
            frame, control, _, source = wire.recvmsg(65536, 256)
            if source[2] == socket.PACKET_OUTGOING:
                continue
            for level, kind, data in control:
                if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                    continue
                status, tag = struct.unpack_from('=I12xH', data)
                if status & TP_STATUS_VLAN_VALID and tag & 0xfff == TAG:
                    os.write(fd, frame)


def carry_tunnelled(fd, udp):
    """Packets of a TUN device, in datagrams to the other end's."""
    while True:
        for ready in select.select([fd, udp], [], [])[0]:
            if ready == fd:
                udp.sendto(os.read(fd, 65536), (OTHER, TUNNEL_PORT))
            else:
                os.write(fd, udp.recv(65536))


def start(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = bytes(range(256)) * 40
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer_names(udp):
    """Every name is unknown (RCODE 3)."""
    while True:
        question, sender = udp.recvfrom(4096)
        udp.sendto(question[:2] + b'\x81\x83' + question[4:], sender)


def swallow(udp):
    while True:
        udp.recv(65536)


def bound(port, family=socket.AF_INET6):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind(('', port))
    return udp


def raw(protocol, payload, family=socket.AF_INET, to=OTHER):
    with socket.socket(family, socket.SOCK_RAW, protocol) as sock:
        sock.sendto(payload, (to, 0))


def talk():
    other6 = '2001:db8::2'
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(('', 1023))
    datagram.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for port in (9502, 53, 6000, 80, 9):
        datagram.sendto(bytes(port % 100), (OTHER, port))
    # Larger than the wire: fragments of both families.
    datagram.sendto(bytes(5000), (OTHER, 9502))
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(bytes(5000), (other6, 9502))
    datagram.sendto(b'all', ('10.0.0.255', 9502))
    datagram.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE.encode())
    datagram.sendto(b'all', ('255.255.255.255', 9502))
    # A closed port, of a stream.
    for port in (22, 443):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect_ex((OTHER, port))
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).connect_ex((other6, port))
    # Groups: IGMP and MLD reports, and datagrams to them.
    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.1.2.3') + socket.inet_aton(OWN))
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(OWN))
    four.sendto(b'group', ('239.1.2.3', 9502))
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(DEVICE)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, 'ff02::77') + struct.pack('=I', index))
    six.sendto(b'group', ('ff02::77', 9502, 0, index))
    # Nobody there: ARP and neighbour solicitations without an answer.
    datagram.sendto(b'', ('10.0.0.77', 9))
    six.sendto(b'', ('2001:db8::77', 9))
    # Protocols that no program here speaks; IP options, and a hop-by-hop header.
    for protocol in (2, 9, 47, 50, 51, 103, 112, 132):
        raw(protocol, bytes([protocol]) * 24)
        raw(protocol, bytes([protocol]) * 24, socket.AF_INET6, other6)
    optioned = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    optioned.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b'\x07\x07\x04\0\0\0\0\0')
    optioned.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xb8)
    optioned.sendto(b'options', (OTHER, 53))
    hopping = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    hopping.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, b'\0\0\x01\x04\0\0\0\0')
    hopping.sendto(b'options', (other6, 53))
    # Frames of other kinds than IP: types, an old length with LLC behind it, two tags, a broadcast of RARP.
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    frames.bind((DEVICE, 0))
    mac = frames.getsockname()[4]
    for head in ('0026424203', '002e aaaa03 000000 809b', '002ee0e003', '8035', '6003', '8137', '80f3', '8863', '8864 1100 0001 0002 0021',
                 '88a80007 81000005 0800', '81000007 0806', '88cc', '0000'):
        frames.send(bytes.fromhex('02000000000202') [:6] + mac + bytes.fromhex(head) + bytes(40))


tagged = device('tag0', IFF_TAP, f'10.5.0.{OWN[-1]}/24', f'2001:db8:5::{OWN[-1]}/64')
tunnel = device('tun0', IFF_TUN, f'10.1.2.{OWN[-1]}/24', f'2001:db8:1::{OWN[-1]}/64')
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((DEVICE, 3))
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
start(carry_tagged, tagged, wire)
start(carry_tunnelled, tunnel, bound(TUNNEL_PORT, socket.AF_INET))
if MODE == 'serve':
    start(Server(('::', 80), Page).serve_forever)
    start(answer_names, bound(53))
    start(swallow, bound(9502))
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'talk':
        talk()
        print('talked', flush=True)
time.sleep(0.1)
