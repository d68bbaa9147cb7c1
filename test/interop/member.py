"""The other member of test/interop/multicast.test.ts: the kernel of this machine, told what to do line by line.

A command is a line of JSON on standard input, [number, word, arguments ...]; its answer a line "#number JSON". A packet socket
sees every frame of the device, and sends those that are handed in.
"""
import errno
import json
import socket
import struct
import sys
import threading

OUTGOING = 4
DEVICE = sys.argv[1]
sockets = {}
reports = []
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
tap.bind((DEVICE, 0))


def text(data):
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def records(data, count, width):
    """Group records: [type, group, sources], and whether they end where the message does."""
    found = []
    at = 0
    for _ in range(count):
        kind, aux, sources = struct.unpack_from('!BBH', data, at)
        group = text(data[at + 4:at + 4 + width])
        at += 4 + width
        found.append([kind, group, sorted(text(data[at + width * i:at + width * (i + 1)]) for i in range(sources))])
        at += width * sources + 4 * aux
    return found if at == len(data) else 'cut off'


def decode(frame):
    """What a frame reports of groups: IGMP and MLD, the old versions too. None for everything else."""
    kind = frame[12:14]
    if kind == b'\x08\x00':
        length, = struct.unpack_from('!H', frame, 16)
        packet = frame[14:14 + length]
        head = (packet[0] & 15) * 4
        if packet[9] != 2:
            return None
        message = packet[head:]
        alert = packet[20:head] == b'\x94\x04\x00\x00'
        told = {'source': text(packet[12:16]), 'to': text(packet[16:20]), 'hops': packet[8], 'alert': alert, 'type': message[0]}
        if message[0] == 0x22:
            told['records'] = records(message[8:], struct.unpack_from('!H', message, 6)[0], 4)
        else:
            told['group'] = text(message[4:8])
        return told
    if kind == b'\x86\xdd' and frame[20] == 0 and frame[54] == 58:
        length, = struct.unpack_from('!H', frame, 18)
        message = frame[62:54 + length]
        alert = frame[56:60] == b'\x05\x02\x00\x00'
        told = {'source': text(frame[22:38]), 'to': text(frame[38:54]), 'hops': frame[21], 'alert': alert, 'type': message[0]}
        if message[0] == 143:
            told['records'] = records(message[8:], struct.unpack_from('!H', message, 6)[0], 16)
        else:
            told['group'] = text(message[8:24])
        return told
    return None


def watch():
    while True:
        frame, address = tap.recvfrom(4000)
        told = decode(frame)
        if told is not None and told['type'] not in (0x11, 130):
            told['ours'] = address[2] != OUTGOING
            reports.append(told)


def make(name, family, port):
    made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(('', port))
    made.setblocking(False)
    sockets[name] = made


def option(name, level, number, value):
    try:
        sockets[name].setsockopt(level, number, bytes.fromhex(value))
        return 'ok'
    except OSError as error:
        return errno.errorcode[error.errno]


def send(name, payload, host, port):
    sockets[name].sendto(payload.encode(), (host, port))


def receive(name):
    found = []
    while True:
        try:
            payload, sender = sockets[name].recvfrom(2000)
        except BlockingIOError:
            return found
        found.append([payload.decode(), sender[0]])


def take():
    found = reports[:]
    reports.clear()
    return found


def close(name):
    sockets.pop(name).close()


def bind(name, host):
    sockets[name].close()
    sockets[name] = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    sockets[name].bind((host, 0))


def inject(frame):
    tap.send(bytes.fromhex(frame))


def read(path):
    with open(path) as file:
        return file.read()


WORDS = {
    'make': make, 'option': option, 'send': send, 'receive': receive, 'take': take, 'close': close, 'bind': bind, 'inject': inject, 'read': read,
    'index': lambda: socket.if_nametoindex(DEVICE),
}
threading.Thread(target=watch, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    number, word, *arguments = json.loads(line)
    print(f'#{number} {json.dumps(WORDS[word](*arguments))}', flush=True)
