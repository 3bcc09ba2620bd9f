import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { destinationContract } from '../contract/destination.contract.js';
import type { PlaceUnderTest } from '../contract/place-under-test.contract.js';
import { makeHttpUnderTest } from './http-under-test.contract.js';
import { rfc } from './servers/behaviours.contract.js';
import type { Behaviour, TestServer } from './servers/test-server.contract.js';

function placeOver(behaviour: (server: TestServer) => Behaviour): () => Promise<PlaceUnderTest> {
  return async () => {
    const http = await makeHttpUnderTest();
    const server = await http.serve(behaviour);
    return {
      isOverwritten: true,
      isLent: false,
      destination: () => http.destination(),
      content: () => Promise.resolve(server.content),
      lay: (content) => {
        server.content = content;
        return Promise.resolve();
      },
      temps: () => http.spooled(),
      spoil: (temp, content) => writeFile(join(http.spool, temp), content),
      remove: (temp) => unlink(join(http.spool, temp)),
      clear: () => http.clear(),
    };
  };
}

destinationContract('http', placeOver(rfc));
