/**
 * Multicast listener discovery for IPv6, versions 1 and 2 (RFC 2710, RFC 3810).
 *
 * Called by net/'s group membership code and by capture. The checksum is completed by icmp6.ts.
 */
import { decodeCode16, decodeCode8, encodeCode16, encodeCode8 } from './group-record.ts';
import { Icmp6Type } from './icmp6.ts';

export { GroupRecordType } from './group-record.ts';

/** A version 1 message, and the fixed part of a version 2 query. */
export const MLD_LEN = 24;
export const MLD2_QUERY_LEN = 28;
export const MLD2_REPORT_LEN = 8;
/** A group record without sources. */
export const MLD2_RECORD_LEN = 20;
const TYPE = 0, RESPONSE = 4, RECORD_COUNT = 6, GROUP = 8, ROBUSTNESS = 24, INTERVAL = 25, SOURCE_COUNT = 26;

/** A parsed query, report or done. One per stack, re-filled per message. */
export class MldMessage {
  /** Icmp6Type: MldQuery, MldReport, MldDone or Mld2Report. */
  type = 0;
  version = 1;
  /** Group asked for or reported; all zero in a general query and in a version 2 report. */
  groupA = 0;
  groupB = 0;
  groupC = 0;
  groupD = 0;
  /** Query: within how many milliseconds to answer. */
  maxResponseMs = 0;
  /** Version 2 query: no timers to be reset by routers, robustness, interval, sources (16 bytes each). */
  suppress = false;
  robustness = 0;
  intervalSeconds = 0;
  sourceCount = 0;
  sourcesAt = 0;
  /** Version 2 report: group records, to be walked by MldRecordWalker from `recordsAt` to `end`. */
  recordCount = 0;
  recordsAt = 0;
  end = 0;

  /** Fills this from the message at `at`; false when it is another type or cut off. All of it must be in the head. */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (len < MLD2_REPORT_LEN || headEnd - at < len) return false;
    const type = view.getUint8(at + TYPE);
    this.type = type;
    this.version = 1;
    this.maxResponseMs = 0;
    this.suppress = false;
    this.robustness = 0;
    this.intervalSeconds = 0;
    this.sourceCount = 0;
    this.sourcesAt = 0;
    this.recordCount = 0;
    this.recordsAt = 0;
    this.end = at + len;
    if (type === Icmp6Type.Mld2Report) {
      this.version = 2;
      this.groupA = this.groupB = this.groupC = this.groupD = 0;
      this.recordCount = view.getUint16(at + RECORD_COUNT);
      this.recordsAt = at + MLD2_REPORT_LEN;
      return true;
    }
    if (type !== Icmp6Type.MldQuery && type !== Icmp6Type.MldReport && type !== Icmp6Type.MldDone) return false;
    if (len < MLD_LEN) return false;
    this.groupA = view.getInt32(at + GROUP);
    this.groupB = view.getInt32(at + GROUP + 4);
    this.groupC = view.getInt32(at + GROUP + 8);
    this.groupD = view.getInt32(at + GROUP + 12);
    if (type !== Icmp6Type.MldQuery) return true;
    const code = view.getUint16(at + RESPONSE);
    this.maxResponseMs = code;
    // RFC 3810 8.1: the length alone tells the versions apart; between the two is malformed.
    if (len === MLD_LEN) return true;
    if (len < MLD2_QUERY_LEN) return false;
    this.version = 2;
    this.maxResponseMs = decodeCode16(code);
    const robustness = view.getUint8(at + ROBUSTNESS);
    this.suppress = (robustness & 8) !== 0;
    this.robustness = robustness & 7;
    this.intervalSeconds = decodeCode8(view.getUint8(at + INTERVAL));
    this.sourceCount = view.getUint16(at + SOURCE_COUNT);
    this.sourcesAt = at + MLD2_QUERY_LEN;
    return this.sourceCount * 16 <= len - MLD2_QUERY_LEN;
  }
}

/** Walks the group records of a version 2 report. */
export class MldRecordWalker {
  /** GroupRecordType. */
  type = 0;
  groupA = 0;
  groupB = 0;
  groupC = 0;
  groupD = 0;
  sourceCount = 0;
  sourcesAt = 0;
  malformed = false;
  private left = 0;
  private nextAt = 0;
  private end = 0;

  begin(report: MldMessage): void {
    this.left = report.recordCount;
    this.nextAt = report.recordsAt;
    this.end = report.end;
    this.malformed = false;
  }

  next(view: DataView): boolean {
    if (this.left === 0) return false;
    const at = this.nextAt;
    const room = this.end - at - MLD2_RECORD_LEN;
    const sourceCount = room < 0 ? 0 : view.getUint16(at + 2);
    const bodyLen = room < 0 ? 0 : sourceCount * 16 + view.getUint8(at + 1) * 4;
    if (room < bodyLen) {
      this.malformed = true;
      this.left = 0;
      return false;
    }
    this.left--;
    this.type = view.getUint8(at);
    this.sourceCount = sourceCount;
    this.groupA = view.getInt32(at + 4);
    this.groupB = view.getInt32(at + 8);
    this.groupC = view.getInt32(at + 12);
    this.groupD = view.getInt32(at + 16);
    this.sourcesAt = at + MLD2_RECORD_LEN;
    this.nextAt = this.sourcesAt + bodyLen;
    return true;
  }
}

/** Writes a version 1 message of 24 bytes (`type`: query, report, done); then completeIcmp6Checksum. */
export function writeMld(
  view: DataView, at: number, type: number, maxResponseMs: number, a: number, b: number, c: number, d: number,
): void {
  view.setInt32(at, type << 24);
  view.setInt32(at + RESPONSE, maxResponseMs << 16);
  writeGroup(view, at + GROUP, a, b, c, d);
}

/** Writes the 28 bytes of a version 2 query without sources; then completeIcmp6Checksum. */
export function writeMld2Query(
  view: DataView, at: number, maxResponseMs: number, suppress: boolean, robustness: number, intervalSeconds: number,
  a: number, b: number, c: number, d: number,
): void {
  writeMld(view, at, Icmp6Type.MldQuery, encodeCode16(maxResponseMs), a, b, c, d);
  view.setUint8(at + ROBUSTNESS, (suppress ? 8 : 0) | (robustness & 7));
  view.setUint8(at + INTERVAL, encodeCode8(intervalSeconds));
  view.setUint16(at + SOURCE_COUNT, 0);
}

/** Writes the 8 bytes in front of the records of a version 2 report; then the records and completeIcmp6Checksum. */
export function writeMld2Report(view: DataView, at: number, recordCount: number): void {
  view.setInt32(at, Icmp6Type.Mld2Report << 24);
  view.setInt32(at + 4, recordCount);
}

/** Writes a group record whose `sourceCount` sources (16 bytes each) the caller puts behind it; returns where they go. */
export function writeMld2Record(
  view: DataView, at: number, type: number, sourceCount: number, a: number, b: number, c: number, d: number,
): number {
  view.setInt32(at, (type << 24) | sourceCount);
  writeGroup(view, at + 4, a, b, c, d);
  return at + MLD2_RECORD_LEN;
}

function writeGroup(view: DataView, at: number, a: number, b: number, c: number, d: number): void {
  view.setInt32(at, a);
  view.setInt32(at + 4, b);
  view.setInt32(at + 8, c);
  view.setInt32(at + 12, d);
}
