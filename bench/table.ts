import { median, megabytes, percent, spread } from './figures.ts';
import { ratios, type Calls, type Measured, type Sample } from './rounds.ts';

/** For people. */
export interface Table {
  readonly title: string;
  /** Of columns; the first is that of the rows' names. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a subject has found out. */
export interface Findings {
  readonly tables: readonly Table[];
  /** The same and more, for JSON. */
  readonly figures: unknown;
}

/** In Markdown, without the columns that say nothing. */
export function markdown({ title, head, rows }: Table): string {
  const kept = head.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''));
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => cells.filter((_, column) => kept[column]));
  return [title, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

/** In the order of a row's figures, and by one letter in its head. */
const APPS = ['gateway', 'index-service', 'transfer-worker', 'archive-depot'];

/** Medians, and of memory the most of all rounds. Shares of what was fetched are of `archiveBytes`. */
export function roundsTable(title: string, all: readonly Measured[], archiveBytes = NaN): Table {
  const apps = APPS.filter((app) => all.some(({ samples }) => samples.some(({ cpuSeconds }) => app in cpuSeconds)));
  const letters = apps.map((app) => app[0]).join('/');
  return {
    title,
    head: [
      '',
      'seconds (least to most)',
      'ratio (least to most)',
      'to',
      'fetched',
      'file MB',
      `CPU s ${letters}`,
      'PostgreSQL',
      'program',
      `peak MB ${letters}`,
    ],
    rows: all.map((measured) => rowOf(measured, { all, apps, archiveBytes })),
  };
}

function rowOf(
  measured: Measured,
  { all, apps, archiveBytes }: { all: readonly Measured[]; apps: readonly string[]; archiveBytes: number },
): readonly string[] {
  const { operation, samples } = measured;
  const other = all.find(({ operation: { name } }) => name === operation.against);
  const fetched = samples.flatMap(({ fetchedBytes }) => fetchedBytes ?? []);
  const written = samples.flatMap(({ fileBytes }) => fileBytes ?? []);
  const postgres = samples.flatMap(({ postgresCpuSeconds }) => postgresCpuSeconds ?? []);
  const program = median(samples.map(({ programCpuSeconds }) => programCpuSeconds));
  return [
    operation.name,
    spread(samples.map(({ seconds }) => seconds)),
    other ? spread(ratios(measured, other)) : '',
    other ? other.operation.name : '',
    fetched.length === 0 ? '' : `${megabytes(median(fetched))} MB, ${percent(median(fetched) / archiveBytes)}`,
    written.length === 0 ? '' : megabytes(median(written)),
    apps.map((app) => median(figuresOf(samples, 'cpuSeconds', app)).toFixed(2)).join('/'),
    postgres.length === 0 ? '' : median(postgres).toFixed(2),
    program === 0 ? '' : program.toFixed(2),
    apps.map((app) => megabytes(Math.max(...figuresOf(samples, 'peakBytes', app)), 0)).join('/'),
  ];
}

function figuresOf(samples: readonly Sample[], figure: 'cpuSeconds' | 'peakBytes', process: string): number[] {
  return samples.map((sample) => sample[figure][process] ?? NaN);
}

/** Of operations that are calls: what one caller waits, and what all of them get done. */
export function callsTable(title: string, all: readonly Measured[]): Table {
  return {
    title,
    head: ['', 'a second (least to most)', 'p50 ms', 'p99 ms', `CPU ms a call ${CALL_LETTERS}`],
    rows: all.map(({ operation, samples }) => {
      const of = (figure: (calls: Calls, sample: Sample) => number): number[] =>
        samples.flatMap((sample) => (sample.calls ? [figure(sample.calls, sample)] : []));
      return [
        operation.name,
        spread(
          of(({ count }, { seconds }) => count / seconds),
          0,
        ),
        median(of(({ p50Millis }) => p50Millis)).toFixed(2),
        median(of(({ p99Millis }) => p99Millis)).toFixed(2),
        CALL_COSTS.map((cost) => median(of(({ count }, sample) => (1000 * cost(sample)) / count)).toFixed(2)).join('/'),
      ];
    }),
  };
}

const CALL_COSTS = [
  ({ cpuSeconds }: Sample) => cpuSeconds.gateway ?? NaN,
  ({ cpuSeconds }: Sample) => cpuSeconds['index-service'] ?? NaN,
  ({ postgresCpuSeconds }: Sample) => postgresCpuSeconds ?? NaN,
];
const CALL_LETTERS = 'g/i/PostgreSQL';

/** Of operations that write documents. */
export function documentsTable(title: string, all: readonly Measured[]): Table {
  return {
    title,
    head: ['', 'documents a second (least to most)', `CPU s of 100000 ${CALL_LETTERS}`],
    rows: all.map(({ operation, samples }) => {
      const of = (figure: (documents: number, sample: Sample) => number): number[] =>
        samples.map((sample) => figure(sample.documents ?? NaN, sample));
      return [
        operation.name,
        spread(
          of((documents, { seconds }) => documents / seconds),
          0,
        ),
        CALL_COSTS.map((cost) => median(of((documents, sample) => (1e5 * cost(sample)) / documents)).toFixed(2)).join(
          '/',
        ),
      ];
    }),
  };
}
