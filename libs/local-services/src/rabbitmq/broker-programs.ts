/** What a broker is run with: programs that are here, or a container engine that has its own. */
export type BrokerPrograms = NodePrograms | ContainerEngine;

export interface NodePrograms {
  readonly kind: 'node';
  readonly server: string;
  /** Erlang's register of nodes; each broker here has one of its own. */
  readonly epmd: string;
  /** PATH for the programs, so that they find `erl`. */
  readonly path: string;
  /** For a person: where they come from. */
  readonly from: string;
}

export interface ContainerEngine {
  readonly kind: 'container';
  readonly docker: string;
  readonly from: string;
}
