import { destinationContract } from '../contract/destination.contract.js';
import { MemoryDestination } from './memory-destination.js';

const NAME = 'archive.zip';

destinationContract('memory', () => {
  const folder = new Map<string, Buffer>();
  const put = (name: string, content: Buffer): Promise<void> => {
    folder.set(name, content);
    return Promise.resolve();
  };
  const remove = (name: string): Promise<void> => {
    folder.delete(name);
    return Promise.resolve();
  };
  return Promise.resolve({
    isOverwritten: false,
    isLent: false,
    destination: () => new MemoryDestination(folder),
    content: () => Promise.resolve(folder.get(NAME)),
    lay: (content) => put(NAME, content),
    temps: () => Promise.resolve([...folder.keys()].filter((name) => name !== NAME)),
    spoil: put,
    remove,
    clear: () => {
      folder.clear();
      return Promise.resolve();
    },
  });
});
