/**
 * `sockscape/capture`: capture files, tcpdump's lines and tcpdump's filters, in Node and in a page.
 */
export { ByteArraySource } from '../base/byte-source.ts';
export type { ByteSource } from '../base/byte-source.ts';
export { PacketFacts } from '../bpf/ancillary.ts';
export { checkProgram } from '../bpf/check.ts';
export { compileFilter } from '../bpf/compile.ts';
export type { CompileOptions } from '../bpf/compile.ts';
export { FilterError } from '../bpf/filter-error.ts';
export type { Instruction } from '../bpf/instruction.ts';
export { decimalListing, initialiserListing, parseDecimalListing, readableListing } from '../bpf/listing.ts';
export { Filter, MachineRules } from '../bpf/machine.ts';
export type { FilterNames, PortProtocol } from '../bpf/names.ts';
export { CaptureError } from '../capture/capture-error.ts';
export { readCapture } from '../capture/capture-file.ts';
export { LinkType } from '../capture/capture-record.ts';
export type { CaptureInterface, CapturedPacket, PacketDirection } from '../capture/capture-record.ts';
export { compileForInterface, PacketFilter } from '../capture/packet-filter.ts';
export { PcapWriter, readPcap } from '../capture/pcap.ts';
export type { PcapOptions } from '../capture/pcap.ts';
export { readPcapng } from '../capture/pcapng-reader.ts';
export { PcapngWriter, joinBlocks } from '../capture/pcapng-writer.ts';
export type { AddressName, InterfaceOptions, PacketOptions, SectionOptions } from '../capture/pcapng-writer.ts';
export { TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../capture/tcpdump-printer.ts';
export type { DumpStyle, Names, TcpdumpOptions, TimeStyle } from '../capture/tcpdump-printer.ts';
