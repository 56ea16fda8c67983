/** "1 event of 1 aggregate", "3 events of 2 aggregates". */
export function counts({ events, aggregates }: { readonly events: number; readonly aggregates: number }): string {
  return `${counted(events, "event")} of ${counted(aggregates, "aggregate")}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
