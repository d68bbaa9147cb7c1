/**
 * What Debian's tcpdump puts into words and our printer does not: generated packets keep clear of it, and
 * docs/tcpdump.md lists it (tcpdump-words.test.ts compares the two).
 */

/** TCP ports, on either side. */
export const UNDECODED_TCP_PORTS: readonly number[] = [
  21, 22, 23, 25, 43, 53, 80, 139, 179, 323, 445, 554, 639, 646, 1723, 2049, 6379, 6633, 6653, 8080, 8554, 10288,
];

/** UDP ports, on either side except where tcpdump looks at one side only. */
export const UNDECODED_UDP_PORTS: readonly number[] = [
  53, 67, 68, 69, 88, 123, 137, 138, 161, 162, 319, 320, 496, 500, 514, 520, 521, 525, 546, 547, 646, 654, 698, 701, 750,
  921, 1589, 1645, 1646, 1700, 1701, 1812, 1813, 1985, 2049, 2103, 2104, 3456, 3503, 3784, 3785, 3799, 4342, 4500, 4567,
  4784, 4789, 4790, 5060, 5353, 5359, 6081, 6343, 6635, 6696, 6697, 6784, 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007,
  7008, 7009, 7500, 8231, 8472, 8500, 12222, 12223, 17754, 30490, 49152,
];

/** UDP ports that tcpdump takes for AppleTalk when the third byte of the data is 2. */
export const APPLETALK_PORTS: readonly (readonly [number, number])[] = [
  [200, 327],
  [768, 895],
  [16512, 16639],
];

export const UNDECODED_IP_PROTOCOLS: readonly number[] = [8, 9, 33, 46, 47, 55, 62, 88, 89, 103, 112, 113, 132, 135];

export const UNDECODED_ETHER_TYPES: readonly number[] = [
  0x0707, 0x1111, 0x3c12, 0x3c13, 0x6003, 0x809b, 0x80f3, 0x8137, 0x8808, 0x8809, 0x880b, 0x8847, 0x8848, 0x8863, 0x8864,
  0x886f, 0x888e, 0x8899, 0x88a2, 0x88ca, 0x88cc, 0x88e5, 0x88f7, 0x8902, 0x8947, 0x894f, 0x9000, 0xabcd, 0xd28b, 0xfefe,
];

function isUndecodedPort(port: number): boolean {
  return (
    UNDECODED_TCP_PORTS.includes(port) ||
    UNDECODED_UDP_PORTS.includes(port) ||
    APPLETALK_PORTS.some(([first, last]) => port >= first && port <= last)
  );
}

/** Whether our text for a packet (with -e, with or without -v) shows that tcpdump would have gone on where we did not. */
export function leadsElsewhere(text: string): boolean {
  for (const [, source, destination] of text.matchAll(/(?:^|[.\s])(\d+) > (?:\S+\.)?(\d+): /g)) {
    if (isUndecodedPort(Number(source)) || isUndecodedPort(Number(destination))) return true;
  }
  for (const [, protocol] of text.matchAll(/\bip-proto-(\d+) \d/g)) {
    if (UNDECODED_IP_PROTOCOLS.includes(Number(protocol))) return true;
  }
  for (const [, type] of text.matchAll(/\(0x([0-9a-f]{4})\)/g)) {
    if (UNDECODED_ETHER_TYPES.includes(Number.parseInt(type, 16))) return true;
  }
  return (
    /dsap (STP|IPX|OSI|NetBeui|Global)/.test(text) ||
    /oui (Cisco|Ethernet bridged|Appletalk)/.test(text) ||
    /(FrameRelay|ATM) \(len/.test(text) ||
    /ICMP6, (router renumbering|who-are-you|RPL)/.test(text) ||
    /igmp-(19|20)\b/.test(text)
  );
}
