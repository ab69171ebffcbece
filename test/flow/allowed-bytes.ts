/** A Berth whose metrics can be read. */
type Measured = { metric(name: string): Promise<number> };

/**
 * Bytes that one fetch of a blob may cost its source: 1.01 × the blob, and 1.05 × where a slow piece was asked for again (K9), as
 * happens on a machine that does many things at once.
 */
export async function allowedBytes(berth: Measured, length: number): Promise<number> {
  const hedges = await berth.metric('berth_fill_hedges_total');
  return length * (hedges > 0 ? 1.05 : 1.01);
}
