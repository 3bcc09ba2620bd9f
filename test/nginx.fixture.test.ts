import { findNginx, NoNginxError, type NginxProgram } from '@tidemark/local-services';
import { environment, silentLogger } from '@tidemark/platform';

/** Undefined where none can be had; that is told, and in CI it is a failure. */
export async function nginxIfThere(): Promise<NginxProgram | undefined> {
  try {
    return await findNginx(silentLogger);
  } catch (error) {
    if (environment().CI === 'true' || !(error instanceof NoNginxError)) throw error;
    process.stderr.write(`nginx: none, the tests over it are skipped: ${error.message}\n`);
    return undefined;
  }
}
