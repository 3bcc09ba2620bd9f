/** Base of what can keep a local service from running. Every message is one line and says what to do. */
export abstract class LocalServiceError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No package holds a server for this operating system and processor. */
export class NoBinariesError extends LocalServiceError {
  constructor(
    readonly platform: string,
    options?: ErrorOptions,
  ) {
    super(
      `there is no PostgreSQL package for ${platform}: install PostgreSQL and give its URL (DATABASE_URL)`,
      options,
    );
  }
}

/** The package's programs are there but do not run on this machine. */
export class BinariesUnusableError extends LocalServiceError {
  constructor(
    readonly packageName: string,
    readonly reason: string,
  ) {
    super(
      `the programs of ${packageName} do not run here (${reason}): they need glibc; or give a server's URL (DATABASE_URL)`,
    );
  }
}

/** None of the folders can keep the server's programs; one reason for each. */
export class CacheUnusableError extends LocalServiceError {
  constructor(readonly reasons: readonly string[]) {
    super(`no folder can keep a server's programs; make one of them usable: ${reasons.join('; ')}`);
  }
}

/** We are root, PostgreSQL refuses to be, and there is nobody else to run it as. */
export class NoServerUserError extends LocalServiceError {
  constructor(readonly wanted: readonly string[]) {
    super(
      `PostgreSQL refuses to run as root and /etc/passwd has no user ${wanted.join(' or ')}: add one, or run as an ordinary user`,
    );
  }
}

/** We are root, but the system (a container's, say) does not let us run anything as another user. */
export class UserSwitchError extends LocalServiceError {
  constructor(readonly user: string) {
    super(`root may not run programs as user ${user} here: allow it (CAP_SETUID), or run as an ordinary user`);
  }
}

/** initdb wants a name for the user it runs as. */
export class NamelessUserError extends LocalServiceError {
  constructor() {
    super('the user of this process has no name in /etc/passwd, which PostgreSQL needs: add a line for its id');
  }
}

/** Somebody else's server runs on the folder; `pid` is the process that owns that server. */
export class FolderInUseError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly pid: number,
  ) {
    super(`${folder} is in use by process ${pid}: stop that process or choose another folder`);
  }
}

/** Children of a server that was killed still work on the folder; they end by themselves when they notice. */
export class OldProcessesError extends LocalServiceError {
  constructor(readonly folder: string) {
    super(`processes of a killed PostgreSQL still work on ${folder}: wait until they are gone, or end them`);
  }
}

/** The user that the server runs as cannot enter a folder on the way to its own. */
export class FolderClosedError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly closed: string,
    readonly user: string,
  ) {
    super(
      `user ${user}, who runs the server, cannot enter ${closed}: choose another folder than ${folder}, such as /var/lib/tidemark`,
    );
  }
}

/** The folder, or what is in it, belongs to another user and we are not root. */
export class FolderForeignError extends LocalServiceError {
  constructor(
    readonly folder: string,
    options?: ErrorOptions,
  ) {
    super(`${folder} belongs to another user: run as that user, or choose another folder`, options);
  }
}

/** The folder was made by another major version of PostgreSQL. */
export class ClusterVersionError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly found: string,
    readonly wanted: string,
  ) {
    super(`${folder} was made by PostgreSQL ${found} and this is ${wanted}: back up with the old one and restore here`);
  }
}

export class PortTakenError extends LocalServiceError {
  constructor(readonly port: number) {
    super(`port ${port} of 127.0.0.1 is in use: choose another one, or 0 for any that is free`);
  }
}

/** The system keeps low ports for root. */
export class PortForbiddenError extends LocalServiceError {
  constructor(readonly port: number) {
    super(`port ${port} may not be used by this user: choose one above 1023, or 0 for any that is free`);
  }
}

export class NoSpaceError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly freeBytes: number,
  ) {
    super(
      `no space left for ${folder} (${Math.floor(freeBytes / 2 ** 20)} MiB free): make room or choose another disk`,
    );
  }
}

/** initdb failed for a reason that has no class of its own. */
export class ClusterCreationError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly lastLines: readonly string[],
  ) {
    super(`initdb could not make ${folder}: ${lastLines.join(' | ')}`);
  }
}

/** The server ended before it was ready, for a reason that has no class of its own. */
export class ServerStartError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly lastLines: readonly string[],
  ) {
    super(`PostgreSQL on ${folder} ended before it was ready: ${lastLines.join(' | ')}`);
  }
}

/** A server answered a connection or a statement with an error. */
export class ServerRefusedError extends LocalServiceError {
  constructor(
    readonly sqlState: string,
    reason: string,
  ) {
    super(`PostgreSQL refused: ${reason} (${sqlState})`);
  }
}

/** Nobody answers at the address, or not as a PostgreSQL server would. */
export class ServerUnreachableError extends LocalServiceError {
  constructor(
    readonly address: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`no PostgreSQL answers at ${address}: ${reason}`, options);
  }
}

/** There is no RabbitMQ on this machine and none can be had; one reason for each way that was tried. */
export class NoRabbitMqError extends LocalServiceError {
  constructor(readonly reasons: readonly string[]) {
    super(`no RabbitMQ can be started here: install rabbitmq-server or give a URL (AMQP_URL); ${reasons.join('; ')}`);
  }
}

/** There is no nginx on this machine and none can be had; one reason for each way that was tried. */
export class NoNginxError extends LocalServiceError {
  constructor(readonly reasons: readonly string[]) {
    super(`no nginx can be started here: install nginx; ${reasons.join('; ')}`);
  }
}

/** It ended before it was ready. */
export class NginxStartError extends LocalServiceError {
  constructor(readonly lastLines: readonly string[]) {
    super(`nginx ended before it was ready: ${lastLines.join(' | ')}`);
  }
}

/** Packages of Debian could not be fetched or unpacked. */
export class PackagesUnusableError extends LocalServiceError {
  constructor(
    readonly command: string,
    readonly lastLines: readonly string[],
  ) {
    super(`${command} failed: ${lastLines.join(' | ')}`);
  }
}

/** The broker ended before it was ready, for a reason that has no class of its own. */
export class BrokerStartError extends LocalServiceError {
  constructor(
    readonly folder: string,
    readonly lastLines: readonly string[],
  ) {
    super(`RabbitMQ on ${folder} ended before it was ready: ${lastLines.join(' | ')}`);
  }
}

/** A broker answered and does not let us in. */
export class BrokerRefusedError extends LocalServiceError {
  constructor(reason: string, options?: ErrorOptions) {
    super(`RabbitMQ refused: ${reason}`, options);
  }
}

/** Nobody answers at the address, or not as RabbitMQ would. */
export class BrokerUnreachableError extends LocalServiceError {
  constructor(
    readonly address: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`no RabbitMQ answers at ${address}: ${reason}`, options);
  }
}
