import type { MigrationInterface, QueryRunner } from 'typeorm';

const STATEMENTS = [
  `
    CREATE TABLE catalog.index (
      id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text NOT NULL UNIQUE,
      system uuid NOT NULL DEFAULT gen_random_uuid(),
      live_generation bigint,
      previous_generation bigint,
      stamp_floor bigint NOT NULL DEFAULT 0
    )`,
  `
    CREATE TABLE catalog.generation (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      index_id int NOT NULL REFERENCES catalog.index,
      layout int NOT NULL,
      phase text NOT NULL CHECK (phase IN ('STAGED', 'BUILT', 'IN_SERVICE', 'DROPPING')),
      job_id uuid UNIQUE,
      fence bigint,
      manifest_sha256 text,
      boundary_micros bigint,
      closed_time_micros bigint,
      expected_live bigint,
      documents bigint,
      versions bigint,
      latest_update_time_micros bigint,
      opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
  `
    CREATE TABLE catalog.staged_part (
      generation bigint NOT NULL REFERENCES catalog.generation ON DELETE CASCADE,
      part int NOT NULL,
      rows_loaded bigint NOT NULL,
      loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (generation, part)
    )`,
  `
    CREATE TABLE catalog.switch (
      job_id uuid PRIMARY KEY,
      outcome text NOT NULL CHECK (outcome IN ('SWITCHED', 'REFUSED')),
      index_id int NOT NULL REFERENCES catalog.index,
      generation bigint NOT NULL,
      expected_live bigint NOT NULL,
      live bigint NOT NULL,
      previous_generation bigint,
      versions_left_behind bigint,
      decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
  `
    CREATE FUNCTION catalog.refuse_history(link text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the versions of a link are not a whole history' USING ERRCODE = 'TM001', DETAIL = link;
    END $$`,
];

/** The first catalog: which indexes and generations there are, what was loaded and how each switch was decided. */
class Catalog1795400000000 implements MigrationInterface {
  readonly name = 'Catalog1795400000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION catalog.refuse_history');
    await runner.query('DROP TABLE catalog.switch, catalog.staged_part, catalog.generation, catalog.index');
  }
}

export const MIGRATIONS = [Catalog1795400000000];
