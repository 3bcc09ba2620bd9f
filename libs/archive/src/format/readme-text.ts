/** `README.txt`: how to restore an archive when nothing of the product is at hand. Its commands are tested as they stand. */
export const README_TEXT = `TIDEMARK ARCHIVE, FORMAT VERSION 1

This zip holds every version of every document of an index, up to one moment. It can be restored without the product
that wrote it: with unzip, sha256sum, zstd and PostgreSQL (12 or newer) with its psql.

  manifest.json           what is inside: where it comes from, up to which moment, how much, which parts
  schema.sql              the table that the parts load into
  parts/NNNNNN.copy.zst   the rows of that table, PostgreSQL COPY text, each part one zstd frame
  SHA256SUMS              checksums of all other files

1. UNPACK AND CHECK

unzip -q ARCHIVE.zip -d archive
cd archive
sha256sum -c SHA256SUMS

2. LOAD EVERY VERSION INTO AN EMPTY DATABASE

export PGCLIENTENCODING=UTF8
createdb -T template0 -E UTF8 restored
export PGDATABASE=restored
psql -v ON_ERROR_STOP=1 -f schema.sql
find . -name '*.copy.zst' -exec zstd -dcq {} + | psql -v ON_ERROR_STOP=1 -c 'COPY document_version FROM STDIN'
psql -v ON_ERROR_STOP=1 -c 'ALTER TABLE document_version ADD PRIMARY KEY (link, version)'
psql -c 'SELECT count(*) AS versions FROM document_version'

The figure must be the one under "totals" in manifest.json.

3. THE LATEST STATE

psql -v ON_ERROR_STOP=1 <<'SQL'
CREATE TABLE document AS
SELECT * FROM (
  SELECT DISTINCT ON (link) * FROM document_version
  ORDER BY link, version DESC
) AS latest
WHERE update_action <> 'DELETE';
SQL

psql -c 'SELECT count(*) AS documents FROM document'

This figure must be there under "totals" as well.

4. OR THE STATE AT A CHOSEN MOMENT

Moments are microseconds since 1970-01-01 00:00:00 UTC. This says which number a time of day is:

psql -Atc "SELECT (extract(epoch FROM timestamptz '2026-11-23 10:15:30.123456+00') * 1000000)::bigint"

This makes the state at the moment T, what was changed in that very microsecond included:

psql -v ON_ERROR_STOP=1 -v T=1795428930123456 <<'SQL'
CREATE TABLE document_at_t AS
SELECT * FROM (
  SELECT DISTINCT ON (link) * FROM document_version
  WHERE update_time_micros <= :T
  ORDER BY link, version DESC
) AS latest
WHERE update_action <> 'DELETE';
SQL

The archive knows nothing later than "closedTimeMicros" in manifest.json.

THE COLUMNS

  link                    the document's link (documentSelfLink)
  version                 0 for the first state of a link, then one more for each change (documentVersion)
  update_time_micros      when this version was written (documentUpdateTimeMicros)
  update_action           the method that wrote it: POST, PUT, PATCH or DELETE; a DELETE keeps the last state as its body
  kind                    the document's kind, or null (documentKind)
  expiration_time_micros  when the document expires, or null (documentExpirationTimeMicros)
  body                    the document's other fields, a JSON object
`;
