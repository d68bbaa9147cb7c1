/** The processor's time that this process has used, in milliseconds: also in a world, whose clocks are virtual. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
