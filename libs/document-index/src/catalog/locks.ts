/** Advisory locks, all of the two-key form (class, key); the classes are this product's own. */
export const LOCKS = {
  /** Key: index id. Shared by each write transaction, exclusive for the switch. */
  writers: 0x71de_0001,
  /** Key: generation id modulo 2^31. Held by the session that owns a staged generation. */
  stagedOwner: 0x71de_0002,
  /** Key: 0. One process at a time brings the catalog up to date. */
  migration: 0x71de_0003,
} as const;

export function generationKey(generation: number): number {
  return generation % 2 ** 31;
}
