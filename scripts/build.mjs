/** `npm run build`: every package by turbo, quietly; what turbo says only where something fails. */
import { spawn } from 'node:child_process';

const turbo = spawn('turbo', ['run', 'build', '--output-logs=errors-only', '--log-prefix=none'], {
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let said = '';
turbo.stdout.on('data', (chunk) => (said += chunk));
turbo.stderr.on('data', (chunk) => (said += chunk));
turbo.on('error', (error) => (said += `${error.message}\n`));
turbo.on('close', (code) => {
  if (code !== 0) process.stderr.write(said);
  process.exitCode = code === 0 ? 0 : 1;
});
