/**
 * `sockscape/capture`: capture files and tcpdump's lines, in Node and in a page.
 */
export { CaptureError } from '../capture/capture-error.ts';
export { readCapture } from '../capture/capture-file.ts';
export { LinkType } from '../capture/capture-record.ts';
export type { CaptureInterface, CapturedPacket, PacketDirection } from '../capture/capture-record.ts';
export { PcapWriter, readPcap } from '../capture/pcap.ts';
export type { PcapOptions } from '../capture/pcap.ts';
export { readPcapng } from '../capture/pcapng-reader.ts';
export { PcapngWriter, joinBlocks } from '../capture/pcapng-writer.ts';
export type { AddressName, InterfaceOptions, PacketOptions, SectionOptions } from '../capture/pcapng-writer.ts';
export { TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../capture/tcpdump-printer.ts';
export type { DumpStyle, Names, TcpdumpOptions, TimeStyle } from '../capture/tcpdump-printer.ts';
