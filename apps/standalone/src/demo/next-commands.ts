const KIND = 'com:vmware:xenon:services:common:ServiceHostManagementService';

interface Demonstrated {
  readonly url: string;
  readonly archive: string;
  readonly keep: boolean;
  readonly services: boolean;
}

/** What to try next: on the demo itself where it is kept running, else on a server of one's own. */
export function nextCommands({ url, archive, keep, services }: Demonstrated): string {
  const start = services ? 'run start:services' : 'start';
  const server = keep ? url : 'http://localhost:8000';
  const destination = keep ? archive : '/var/backup/xenon-backup.zip';
  const patch = (kind: string): string =>
    `  curl -X PATCH -H 'Content-Type: application/json' -H 'Prefer: wait=60' -d '{"kind":"${KIND}:${kind}","destination":"file:${destination}"}' ${server}/core/management`;
  return [
    keep
      ? `It still runs at ${url}, until Ctrl-C (or \`kill ${process.pid}\`) ends it and removes what it made. Try:`
      : `Now a server that keeps its documents: \`npm ${start}\`, and in another terminal:`,
    '',
    `  curl -X POST -H 'Content-Type: application/json' -d '{"documentSelfLink":"first","text":"hello"}' ${server}/notes`,
    `  curl ${server}/notes/first`,
    patch('BackupRequest'),
    patch('RestoreRequest'),
    `  unzip -l ${destination}`,
    `  curl ${server}/core/management`,
    '',
  ].join('\n');
}
