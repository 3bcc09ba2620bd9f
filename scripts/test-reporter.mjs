/** Jest reporter: keeps the counts of the run in reports/tests.json. A file that could not be run is one failure. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FOLDER = resolve(import.meta.dirname, '../reports');

export default class TestReporter {
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(resolve(FOLDER, 'tests.json'), `${JSON.stringify(counts)}\n`);
  }
}
