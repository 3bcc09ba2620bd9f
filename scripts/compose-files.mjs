/** Reads `.env`, docker-compose.yml and the Dockerfile, as far as the files of this repository go. */
import { parse } from 'yaml';

/** Lines of NAME=value. */
export function readEnv(text) {
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

const VARIABLE = /\$\$|\$\{([A-Z_]+)(:\?|:?-)([^}]*)\}|\$/g;

/** Names that a compose file must find in its environment; those with a default are not among them. */
export function namesWanted(text) {
  const wanted = [...text.matchAll(VARIABLE)].filter(([, , operator]) => operator === ':?');
  return [...new Set(wanted.map(([, name]) => name))];
}

/** The compose file with the environment put in. Throws what Compose would say where a name is missing. */
export function readCompose(text, env) {
  const filled = text.replace(VARIABLE, (found, name, operator, otherwise) => {
    if (found === '$$') return '$';
    if (name === undefined) throw new Error('a $ that is neither doubled nor the beginning of ${NAME:?what to do}');
    if (env[name] || (operator === '-' && name in env)) return env[name];
    if (operator === ':?') throw new Error(`${name}: ${otherwise}`);
    return otherwise;
  });
  return parse(filled, { merge: true });
}

/** A compose file with another one over it, as far as Compose's way to join them matters here: lists grow. */
export function overlaid(base, over) {
  if (Array.isArray(base) && Array.isArray(over)) return [...new Set([...base, ...over])];
  if (!isMap(base) || !isMap(over)) return over;
  const joined = Object.keys(over).map((key) => [key, key in base ? overlaid(base[key], over[key]) : over[key]]);
  return { ...base, ...Object.fromEntries(joined) };
}

const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Stages in their order, each with its instructions: the keyword, what stands behind it, and that as a list if it is one. */
export function readDockerfile(text) {
  const stages = [];
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  for (const line of lines.filter((each) => each.trim() !== '')) {
    const [, keyword, rest] = /^([A-Z]+) (.*)$/.exec(line);
    if (keyword === 'FROM') {
      const [from, name] = rest.split(' AS ');
      stages.push({ name, from, instructions: [] });
    } else {
      stages.at(-1).instructions.push({ keyword, rest });
    }
  }
  return stages;
}

/** The instructions of a stage and of all that it is made from, the nearest one first. */
export function instructionsOf(stages, name) {
  const stage = stages.find((each) => each.name === name);
  return stage ? [...stage.instructions.toReversed(), ...instructionsOf(stages, stage.from)] : [];
}

/** The command in an instruction such as CMD ["node", "main.js"] or HEALTHCHECK --interval=5s CMD ["node"]. */
export function commandOf({ rest }) {
  return JSON.parse(rest.slice(rest.indexOf('[')));
}
