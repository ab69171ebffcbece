/** Berth itself can not go on with a blob: the disk of the cache failed, or something outside cut a file, or a defect. */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure';
  readonly kind = 'internal_error';
}
