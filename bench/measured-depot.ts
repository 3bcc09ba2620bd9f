import { CountingProxy, TestProcess } from '@tidemark/testing';

/** A depot for archives, and a way to it that counts. */
export interface MeasuredDepot {
  readonly process: TestProcess;
  readonly url: string;
  readonly proxy: CountingProxy;
  /** Settings by which a system may use both. */
  readonly settings: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Keeps what it is sent in a folder that nobody else can enter. */
export async function startMeasuredDepot(folder: string): Promise<MeasuredDepot> {
  const process = await new TestProcess({
    app: 'archive-depot',
    settings: { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder },
  }).start();
  const { url } = process;
  const proxy = await CountingProxy.open(url);
  return {
    process,
    url,
    proxy,
    settings: {
      TIDEMARK_HTTP_ALLOW: `${url}/archives, ${proxy.url}/archives`,
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
    },
    remove: async () => {
      await proxy.close();
      await process.stop();
    },
  };
}
