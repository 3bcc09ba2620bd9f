import type { HttpTransfers } from './http-transfers.ts';
import { median, medianRatio, type Measured, type Sample } from './rounds.ts';

const MB = 1e6;
/** In the order of a row's figures, and by one letter in its head. */
const PROCESSES = ['gateway', 'index-service', 'transfer-worker', 'archive-depot'];
const LETTERS = PROCESSES.map((name) => name[0]).join('/');

/** For people, in Markdown: medians, and of memory the most of all rounds. */
export function tableOf(transfers: HttpTransfers): string {
  const head = ['', 'seconds (least to most)', 'ratio', 'to', 'fetched', `CPU s ${LETTERS}`, `peak MB ${LETTERS}`];
  const rows = transfers.measured.map((measured) => rowOf(measured, transfers));
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const { documents, versions, archiveBytes, archiveParts } = transfers;
  const archive = `an archive of ${megabytes(archiveBytes)} MB in ${archiveParts} parts`;
  return [`${versions} versions of ${documents} documents, ${archive}`, '', ...lines].join('\n');
}

function rowOf(measured: Measured, { archiveBytes, measured: all }: HttpTransfers): string[] {
  const { operation, samples } = measured;
  const seconds = samples.map((sample) => sample.seconds);
  const other = all.find(({ operation: { name } }) => name === operation.against);
  const fetched = samples.flatMap(({ fetchedBytes }) => fetchedBytes ?? []);
  return [
    operation.name,
    `${median(seconds).toFixed(2)} (${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)})`,
    other ? medianRatio(measured, other).toFixed(2) : '',
    other ? other.operation.name : '',
    fetched.length === 0 ? '' : `${megabytes(median(fetched))} MB, ${percent(median(fetched) / archiveBytes)}`,
    PROCESSES.map((name) => median(figuresOf(samples, 'cpuSeconds', name)).toFixed(2)).join('/'),
    PROCESSES.map((name) => megabytes(Math.max(...figuresOf(samples, 'peakBytes', name)), 0)).join('/'),
  ];
}

function figuresOf(samples: readonly Sample[], figure: 'cpuSeconds' | 'peakBytes', process: string): number[] {
  return samples.map((sample) => sample[figure][process] ?? NaN);
}

function megabytes(bytes: number, digits = 1): string {
  return (bytes / MB).toFixed(digits);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
