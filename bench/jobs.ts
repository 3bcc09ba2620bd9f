import type { Job } from '@tidemark/testing';

/** The job of a PATCH that waited for its end. Throws where it has not succeeded. */
export async function endedWell(request: Promise<{ body: Job }>): Promise<Job> {
  const { body } = await request;
  if (body.state !== 'SUCCEEDED') throw new Error(`a job has not succeeded: ${JSON.stringify(body)}`);
  return body;
}
