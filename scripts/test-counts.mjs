/**
 * Prints `passed failed skipped` of a run of the tests, from the report that scripts/test-reporter.mjs wrote.
 * A run that ended badly counts at least one failure, also where it never came to a report.
 */
import { existsSync, readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);
const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
const failed = exitCode === '0' ? counts.failed : Math.max(1, counts.failed);
console.log(counts.passed, failed, counts.skipped);
