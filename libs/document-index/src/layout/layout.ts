/**
 * The tables of a generation, layout 1: DDL only. Tables change by a new layout for new generations; a layout in
 * use is never edited.
 */
export const LAYOUT = 1;

/** Columns of a version row, in the order that an archive's parts have them. */
export const COLUMNS = [
  { name: 'link', type: 'text' },
  { name: 'version', type: 'bigint' },
  { name: 'update_time_micros', type: 'bigint' },
  { name: 'update_action', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'expiration_time_micros', type: 'bigint' },
  { name: 'body', type: 'json' },
] as const;

export const COLUMN_NAMES = COLUMNS.map(({ name }) => name).join(', ');

/** Qualified names of a generation's schema and tables, for statements. */
export interface Tables {
  readonly schema: string;
  /** One row per version, append-only. */
  readonly versions: string;
  /** One row per link that ever was: its latest version, and what writers lock. */
  readonly documents: string;
}

export function tablesOf(generation: number): Tables {
  if (!Number.isSafeInteger(generation) || generation < 1) throw new RangeError(`${generation} is no generation`);
  const schema = `index_${generation}`;
  return { schema, versions: `${schema}.document_version`, documents: `${schema}.document` };
}

/** Schema and versions table without indexes, ready for COPY; large bodies by lz4 where the server has it. */
export function createVersionsTable({ schema, versions }: Tables): string {
  return `
    CREATE SCHEMA ${schema};
    CREATE TABLE ${versions} (
      link text COLLATE "C" NOT NULL,
      version bigint NOT NULL,
      update_time_micros bigint NOT NULL,
      update_action text COLLATE "C" NOT NULL,
      kind text,
      expiration_time_micros bigint,
      body json NOT NULL
    );
    DO $$ BEGIN
      IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        ALTER TABLE ${versions} ALTER COLUMN body SET COMPRESSION lz4;
      END IF;
    END $$;`;
}

export function createVersionsIndexes({ versions }: Tables): readonly string[] {
  return [
    `CREATE UNIQUE INDEX document_version_pkey ON ${versions} (link, version)`,
    `CREATE INDEX document_version_update_time ON ${versions} USING brin (update_time_micros)
       WITH (pages_per_range = 64, autosummarize = on)`,
  ];
}

/** At once: the indexes are there, and until they are made the keys nobody is kept from reading. */
export function makeKeys({ versions, documents }: Tables): string {
  return `
    ALTER TABLE ${versions} ADD CONSTRAINT document_version_pkey PRIMARY KEY USING INDEX document_version_pkey;
    ALTER TABLE ${documents} ADD CONSTRAINT document_pkey PRIMARY KEY USING INDEX document_pkey;`;
}

export function createDocumentsTable({ documents }: Tables): string {
  return `
    CREATE TABLE ${documents} (
      link text COLLATE "C" NOT NULL,
      version bigint NOT NULL,
      update_time_micros bigint NOT NULL,
      deleted boolean NOT NULL
    ) WITH (fillfactor = 85)`;
}

export function createLinkIndex({ documents }: Tables): string {
  return `CREATE UNIQUE INDEX document_pkey ON ${documents} (link)`;
}

/** Serves the listing of children. */
export function createParentIndex({ documents }: Tables): string {
  return `CREATE INDEX document_parent ON ${documents} (${PARENT}, link)`;
}

/** SQL of a link's parent, as contracts' `parentLink`; the index on it serves the listing of children. */
export const PARENT = `(left(link, length(link) - strpos(reverse(link), '/')))`;
