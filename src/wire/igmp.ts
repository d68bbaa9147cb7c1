/**
 * IGMP versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376): group membership for IPv4.
 *
 * Called by net/'s group membership code and by capture.
 */
import { finish, fold, sumView } from '../base/checksum.ts';
import { decodeCode8, encodeCode8 } from './group-record.ts';

export { GroupRecordType } from './group-record.ts';

/** A message of versions 1 and 2, and the fixed part of a version 3 report. */
export const IGMP_LEN = 8;
export const IGMP3_QUERY_LEN = 12;
/** A group record without sources. */
export const IGMP3_RECORD_LEN = 8;
const TYPE = 0, RESPONSE = 1, CHECKSUM = 2, GROUP = 4, RECORD_COUNT = 6, ROBUSTNESS = 8, INTERVAL = 9, SOURCE_COUNT = 10;

export const IgmpType = { Query: 0x11, Report1: 0x12, Report2: 0x16, Leave: 0x17, Report3: 0x22 } as const;
export type IgmpType = (typeof IgmpType)[keyof typeof IgmpType];

/** A parsed message. One per stack, re-filled per message. */
export class IgmpMessage {
  /** IgmpType; other types are refused. */
  type = 0;
  version = 2;
  /** Group, int32; 0 in a general query and in a version 3 report. */
  group = 0;
  /** Query: within how many tenths of a second to answer. */
  maxResponseTenths = 0;
  /** Version 3 query. Sources are 4 bytes each. */
  suppress = false;
  robustness = 0;
  intervalSeconds = 0;
  sourceCount = 0;
  sourcesAt = 0;
  /** Version 3 report: group records, to be walked by IgmpRecordWalker from `recordsAt` to `end`. */
  recordCount = 0;
  recordsAt = 0;
  end = 0;

  /**
   * Fills this from the message at `at`; false when it is of an unknown type or cut off. All of it must be in the head.
   * The checksum is not looked at: see `igmpChecksumOk`.
   */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (len < IGMP_LEN || headEnd - at < len) return false;
    const type = view.getUint8(at + TYPE);
    this.type = type;
    this.group = view.getInt32(at + GROUP);
    this.maxResponseTenths = 0;
    this.suppress = false;
    this.robustness = 0;
    this.intervalSeconds = 0;
    this.sourceCount = 0;
    this.sourcesAt = 0;
    this.recordCount = 0;
    this.recordsAt = 0;
    this.end = at + len;
    switch (type) {
      case IgmpType.Query:
        return this.parseQuery(view, at, len);
      case IgmpType.Report1:
        this.version = 1;
        return true;
      case IgmpType.Report2:
      case IgmpType.Leave:
        this.version = 2;
        return true;
      case IgmpType.Report3:
        this.version = 3;
        this.group = 0;
        this.recordCount = view.getUint16(at + RECORD_COUNT);
        this.recordsAt = at + IGMP_LEN;
        return true;
      default:
        return false;
    }
  }

  private parseQuery(view: DataView, at: number, len: number): boolean {
    const code = view.getUint8(at + RESPONSE);
    if (len === IGMP_LEN) {
      // RFC 2236 section 4: a version 1 query has a zero here, and its answer is due within ten seconds.
      this.version = code === 0 ? 1 : 2;
      this.maxResponseTenths = code === 0 ? 100 : code;
      return true;
    }
    if (len < IGMP3_QUERY_LEN) return false;
    const robustness = view.getUint8(at + ROBUSTNESS);
    this.version = 3;
    this.maxResponseTenths = decodeCode8(code);
    this.suppress = (robustness & 8) !== 0;
    this.robustness = robustness & 7;
    this.intervalSeconds = decodeCode8(view.getUint8(at + INTERVAL));
    this.sourceCount = view.getUint16(at + SOURCE_COUNT);
    this.sourcesAt = at + IGMP3_QUERY_LEN;
    return this.sourceCount * 4 <= len - IGMP3_QUERY_LEN;
  }
}

/** Walks the group records of a version 3 report. */
export class IgmpRecordWalker {
  /** GroupRecordType. */
  type = 0;
  group = 0;
  sourceCount = 0;
  sourcesAt = 0;
  malformed = false;
  private left = 0;
  private nextAt = 0;
  private end = 0;

  begin(report: IgmpMessage): void {
    this.left = report.recordCount;
    this.nextAt = report.recordsAt;
    this.end = report.end;
    this.malformed = false;
  }

  next(view: DataView): boolean {
    if (this.left === 0) return false;
    const at = this.nextAt;
    const room = this.end - at - IGMP3_RECORD_LEN;
    const sourceCount = room < 0 ? 0 : view.getUint16(at + 2);
    const bodyLen = room < 0 ? 0 : (sourceCount + view.getUint8(at + 1)) * 4;
    if (room < bodyLen) {
      this.malformed = true;
      this.left = 0;
      return false;
    }
    this.left--;
    this.type = view.getUint8(at);
    this.sourceCount = sourceCount;
    this.group = view.getInt32(at + 4);
    this.sourcesAt = at + IGMP3_RECORD_LEN;
    this.nextAt = this.sourcesAt + bodyLen;
    return true;
  }
}

/** Whether the checksum of the message in [at, end) is right. */
export function igmpChecksumOk(view: DataView, at: number, end: number): boolean {
  return fold(sumView(view, at, end, 0)) === 0xffff;
}

/** Writes a message of versions 1 and 2, checksum included. */
export function writeIgmp(view: DataView, at: number, type: number, maxResponseTenths: number, group: number): void {
  view.setInt32(at, (type << 24) | (maxResponseTenths << 16));
  view.setInt32(at + GROUP, group);
  completeIgmpChecksum(view, at, at + IGMP_LEN);
}

/** Writes a version 3 query without sources, checksum included. */
export function writeIgmp3Query(
  view: DataView, at: number, maxResponseTenths: number, suppress: boolean, robustness: number, intervalSeconds: number,
  group: number,
): void {
  view.setInt32(at, (IgmpType.Query << 24) | (encodeCode8(maxResponseTenths) << 16));
  view.setInt32(at + GROUP, group);
  view.setUint8(at + ROBUSTNESS, (suppress ? 8 : 0) | (robustness & 7));
  view.setUint8(at + INTERVAL, encodeCode8(intervalSeconds));
  view.setUint16(at + SOURCE_COUNT, 0);
  completeIgmpChecksum(view, at, at + IGMP3_QUERY_LEN);
}

/** Writes the 8 bytes in front of the records of a version 3 report; then the records and completeIgmpChecksum. */
export function writeIgmp3Report(view: DataView, at: number, recordCount: number): void {
  view.setInt32(at, IgmpType.Report3 << 24);
  view.setInt32(at + 4, recordCount);
}

/** Writes a group record whose `sourceCount` sources (4 bytes each) the caller puts behind it; returns where they go. */
export function writeIgmp3Record(view: DataView, at: number, type: number, sourceCount: number, group: number): number {
  view.setInt32(at, (type << 24) | sourceCount);
  view.setInt32(at + 4, group);
  return at + IGMP3_RECORD_LEN;
}

/** Fills the checksum field of the message in [at, end). */
export function completeIgmpChecksum(view: DataView, at: number, end: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, finish(sumView(view, at, end, 0)));
}
