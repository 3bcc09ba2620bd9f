/** Types of compose-files.mjs, for the tests. */
export interface Instruction {
  readonly keyword: string;
  readonly rest: string;
}
export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}
export interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly user?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly ports?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period: string;
  readonly mem_limit: string;
  readonly [key: string]: unknown;
}
export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, null>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}
export type Env = Readonly<Record<string, string>>;

export function readEnv(text: string): Env;
export function namesWanted(text: string): string[];
export function readCompose(text: string, env: Env): ComposeFile;
export function overlaid(base: ComposeFile, over: object): ComposeFile;
export function readDockerfile(text: string): Stage[];
export function instructionsOf(stages: readonly Stage[], name: string): Instruction[];
export function commandOf(instruction: Instruction): string[];
