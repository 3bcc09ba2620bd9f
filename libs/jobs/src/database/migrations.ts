import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The first tables: jobs, the keys that make requests repeatable, and word of every change of a job. */
class JobTables1795400000001 implements MigrationInterface {
  readonly name = 'JobTables1795400000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(JOB_TABLE);
    await runner.query(`CREATE INDEX job_state_position ON jobs.job (state, position DESC)`);
    await runner.query(`
      CREATE INDEX job_key_unended ON jobs.job (exclusive_key, position)
        WHERE state IN ('QUEUED', 'RUNNING', 'FINISHING', 'CANCELLING')`);
    await runner.query(`
      CREATE UNIQUE INDEX job_key_running ON jobs.job (exclusive_key)
        WHERE state IN ('RUNNING', 'FINISHING', 'CANCELLING')`);
    await runner.query(KEY_TABLE);
    await runner.query(`CREATE INDEX idempotency_key_age ON jobs.idempotency_key (created_at_micros)`);
    await runner.query(TELL_CHANGE);
    await runner.query(`
      CREATE TRIGGER job_changed AFTER INSERT OR UPDATE OF revision ON jobs.job
        FOR EACH ROW EXECUTE FUNCTION jobs.tell_change()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs.idempotency_key, jobs.job');
    await runner.query('DROP FUNCTION jobs.tell_change()');
  }
}

/** Whether a restore was undone. */
class UndoneJobs1795400000002 implements MigrationInterface {
  readonly name = 'UndoneJobs1795400000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job ADD COLUMN undone boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job DROP COLUMN undone');
  }
}

/** The secrets of a request, sealed, for as long as its job may need them. */
class SealedSecrets1795400000003 implements MigrationInterface {
  readonly name = 'SealedSecrets1795400000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE jobs.job ADD COLUMN sealed_secrets text,
        ADD CONSTRAINT no_secrets_after_the_end CHECK (ended_at_micros IS NULL OR sealed_secrets IS NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job DROP COLUMN sealed_secrets');
  }
}

/** Whether the end of a job, or its undo, has been told, so that no crash makes it unheard. */
class UntoldEnds1795800000004 implements MigrationInterface {
  readonly name = 'UntoldEnds1795800000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job ADD COLUMN tell_at_micros bigint');
    await runner.query('CREATE INDEX job_untold ON jobs.job (tell_at_micros) WHERE tell_at_micros IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job DROP COLUMN tell_at_micros');
  }
}

/** What is shown of the newest jobs is found without a look at those before them. */
class NewestJobs1795800000005 implements MigrationInterface {
  readonly name = 'NewestJobs1795800000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX job_operation_position ON jobs.job (operation, position DESC)');
    await runner.query(`
      CREATE INDEX job_backup_ended ON jobs.job (ended_at_micros)
        WHERE state = 'SUCCEEDED' AND operation = 'BACKUP'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX jobs.job_operation_position, jobs.job_backup_ended');
  }
}

/** What comes late changes nothing: reports of an attempt by their serial, undos by the index's floor of stamps. */
class LateReports1796000000006 implements MigrationInterface {
  readonly name = 'LateReports1796000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE jobs.job ADD COLUMN report_serial integer NOT NULL DEFAULT 0, ADD COLUMN undo_floor_micros bigint`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs.job DROP COLUMN report_serial, DROP COLUMN undo_floor_micros');
  }
}

/** Half-filled pages keep heartbeats, which touch no indexed column, on their page. */
const JOB_TABLE = `
  CREATE TABLE jobs.job (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    caller text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('BACKUP', 'RESTORE')),
    state text NOT NULL
      CHECK (state IN ('QUEUED', 'RUNNING', 'FINISHING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    phase text,
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    revision integer NOT NULL DEFAULT 1,
    fence bigint NOT NULL DEFAULT 0,
    exclusive_key text NOT NULL,
    claim_id uuid,
    worker text,
    request json NOT NULL,
    warnings json NOT NULL,
    progress json,
    effect json,
    result json,
    error json,
    attempts json NOT NULL DEFAULT '[]',
    created_at_micros bigint NOT NULL,
    started_at_micros bigint,
    attempt_started_at_micros bigint,
    ended_at_micros bigint,
    not_before_micros bigint NOT NULL,
    lease_until_micros bigint,
    rung_at_micros bigint,
    CONSTRAINT ended_once CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (ended_at_micros IS NOT NULL)),
    CONSTRAINT leased_while_running CHECK (state NOT IN ('RUNNING', 'CANCELLING') OR lease_until_micros IS NOT NULL),
    CONSTRAINT effect_when_finishing CHECK (state <> 'FINISHING' OR effect IS NOT NULL),
    CONSTRAINT result_when_succeeded CHECK ((state = 'SUCCEEDED') = (result IS NOT NULL)),
    CONSTRAINT error_when_failed CHECK ((state = 'FAILED') = (error IS NOT NULL))
  ) WITH (fillfactor = 50)`;

const KEY_TABLE = `
  CREATE TABLE jobs.idempotency_key (
    caller text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    job_id uuid NOT NULL REFERENCES jobs.job ON DELETE CASCADE,
    created_at_micros bigint NOT NULL,
    PRIMARY KEY (caller, key)
  )`;

const TELL_CHANGE = `
  CREATE FUNCTION jobs.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_notify('tidemark_jobs', NEW.id || ':' || NEW.revision);
    RETURN NULL;
  END $$`;

/** In the order in which they were written; what has been released is never changed. */
export const MIGRATIONS = [
  JobTables1795400000001,
  UndoneJobs1795400000002,
  SealedSecrets1795400000003,
  UntoldEnds1795800000004,
  NewestJobs1795800000005,
  LateReports1796000000006,
];
