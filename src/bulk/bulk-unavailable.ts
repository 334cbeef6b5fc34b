/** Redis is gone, so that nothing is known of bulk deletes, and nothing can be changed. */
export class BulkUnavailable extends Error {
  override readonly name = 'BulkUnavailable';
  /** The bulk delete that was being started: it may be there all the same. */
  readonly bulkDeleteId: string | undefined;

  constructor(message: string, bulkDeleteId?: string) {
    super(message);
    this.bulkDeleteId = bulkDeleteId;
  }
}
