/** Whether only this machine can be reached, or listened to, by that name or address. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|\[?::1\]?|127(?:\.[0-9]{1,3}){3})$/.test(hostname);
}
