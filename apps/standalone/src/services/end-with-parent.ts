/** Loaded before a service's own code: it stops as on SIGTERM when the process that started it is gone, kill -9 included. */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
