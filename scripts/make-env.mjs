/**
 * `npm run make-env`: writes `.env`, the passwords and keys that docker-compose.yml wants, all random. It needs nothing
 * but Node, no `npm ci`. Another path than `.env` can be given.
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';

const file = resolve(process.argv[2] ?? resolve(import.meta.dirname, '../.env'));

const random = () => randomBytes(32).toString('base64url');
const gatewayPassword = random();
const workerPassword = random();
const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
  privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  publicKeyEncoding: { format: 'der', type: 'spki' },
});

const settings = {
  POSTGRES_PASSWORD: random(),
  POSTGRES_GATEWAY_PASSWORD: random(),
  POSTGRES_INDEX_PASSWORD: random(),
  RABBITMQ_GATEWAY_PASSWORD: gatewayPassword,
  RABBITMQ_GATEWAY_PASSWORD_HASH: rabbitMqHash(gatewayPassword),
  RABBITMQ_WORKER_PASSWORD: workerPassword,
  RABBITMQ_WORKER_PASSWORD_HASH: rabbitMqHash(workerPassword),
  TIDEMARK_GRANT_PRIVATE_KEY: privateKey.toString('base64'),
  TIDEMARK_GRANT_PUBLIC_KEY: publicKey.toString('base64'),
  TIDEMARK_SECRET_KEY: randomBytes(32).toString('base64'),
  TIDEMARK_API_TOKENS: `operator:operator:${random()}`,
  TIDEMARK_DEPOT_TOKENS: random(),
  TIDEMARK_WORKER_TOKEN: random(),
};

/** As RabbitMQ keeps it: base64 of four bytes of salt and the SHA-256 of salt and password. */
function rabbitMqHash(password) {
  const salt = randomBytes(4);
  const hash = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString('base64');
}

const name = relative(process.cwd(), file);
const lines = Object.entries(settings).map(([setting, value]) => `${setting}=${value}\n`);
try {
  writeFileSync(file, lines.join(''), { mode: 0o600, flag: 'wx' });
  console.log(`${name} is written, readable by you alone: ${Object.keys(settings).join(', ')}.`);
  console.log('Keep a copy where it is safe: what is stored can be opened with these keys only.');
  console.log('Next: docker compose up --build --wait');
} catch (error) {
  if (error.code !== 'EEXIST') throw error;
  console.error(`${name} is there already, and the data of a system may depend on it: move it away to make another.`);
  process.exitCode = 1;
}
