/** Name of the file in the data directory of a broker in a cluster that has its metadata. */
export const JOURNAL_FILE_NAME = 'metadata.journal';
