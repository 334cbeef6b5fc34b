/** Redis is gone, so that nothing is known of bulk deletes, and nothing can be changed. */
export class BulkUnavailable extends Error {
  override readonly name = 'BulkUnavailable';
}
