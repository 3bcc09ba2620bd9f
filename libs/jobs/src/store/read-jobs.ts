import { JOB_STATES, NotFoundError, type Job, type JobState, type Operation } from '@tidemark/contracts';

import type { JobsDatabase } from '../database/jobs-database.js';
import { jobEntity } from '../database/job-entity.js';
import { toJob } from '../life/stored-job.js';
import { asJobId } from './sql.js';

export interface JobQuery {
  /** Any of these; all when not given. */
  readonly states?: readonly JobState[] | undefined;
  readonly operation?: Operation | undefined;
  readonly limit: number;
  /** The `next` of the page before. */
  readonly after?: number | undefined;
}

export interface JobPage {
  /** Newest first. */
  readonly jobs: readonly Job[];
  /** Where the next page starts, whatever is created meanwhile; null after the last job. */
  readonly next: number | null;
}

export interface JobFigures {
  readonly countByState: Readonly<Record<JobState, number>>;
  /** The backup that ended last of those that succeeded. */
  readonly lastBackup: Job | null;
}

/** Throws NotFoundError. */
export async function getJob(database: JobsDatabase, id: string): Promise<Job> {
  const [row] = await database.rows`SELECT * FROM jobs.job WHERE id = ${asJobId(id)}`;
  if (!row) throw new NotFoundError(`job ${id.slice(0, 100)}`);
  return toJob(database.toStoredJob(row));
}

/** Those of these jobs that have ended. */
export async function endedOf(database: JobsDatabase, ids: readonly string[]): Promise<string[]> {
  const rows = await database.rows<{ id: string }>`
    SELECT id FROM jobs.job WHERE id = ANY(${ids}::uuid[]) AND ended_at_micros IS NOT NULL`;
  return rows.map(({ id }) => id);
}

export async function listJobs(database: JobsDatabase, query: JobQuery): Promise<JobPage> {
  const { states, operation, limit, after } = query;
  const found = await database.run(async (runner) => {
    const select = runner.manager.createQueryBuilder(jobEntity, 'job').orderBy('job.position', 'DESC');
    if (states) select.andWhere('job.state = ANY(:states)', { states });
    if (operation) select.andWhere('job.operation = :operation', { operation });
    if (after !== undefined) select.andWhere('job.position < :after', { after });
    return await select.limit(limit + 1).getMany();
  });
  const page = found.slice(0, limit);
  return { jobs: page.map(toJob), next: found.length > limit ? (page.at(-1)?.position ?? null) : null };
}

/** What `GET /core/management` shows of the jobs. */
export async function jobFigures(database: JobsDatabase): Promise<JobFigures> {
  const counts = await database.rows<{ state: JobState; jobs: number }>`
    SELECT state, count(*) AS jobs FROM jobs.job GROUP BY state`;
  const [last] = await database.rows`
    SELECT * FROM jobs.job WHERE state = 'SUCCEEDED' AND operation = 'BACKUP'
    ORDER BY ended_at_micros DESC LIMIT 1`;
  const counted = new Map(counts.map(({ state, jobs }) => [state, jobs]));
  return {
    countByState: Object.fromEntries(JOB_STATES.map((state) => [state, counted.get(state) ?? 0])) as Record<
      JobState,
      number
    >,
    lastBackup: last ? toJob(database.toStoredJob(last)) : null,
  };
}
