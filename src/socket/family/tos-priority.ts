/** ip_tos2prio: best effort, bulk, interactive, interactive bulk, by the four bits that were called type of service. */
const PRIORITIES: readonly number[] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];

/** The priority that a packet gets of its type of service (rt_tos2priority). */
export function priorityOfTos(tos: number): number {
  return PRIORITIES[(tos & 0x1e) >> 1] as number;
}
