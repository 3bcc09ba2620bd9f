/** `schema.sql`: the table that the parts load into, without indexes, so that they load fast. */
export const SCHEMA_TEXT = `-- Tidemark archive, format version 1: the table that the parts load into. See README.txt.
CREATE TABLE document_version (
  link                   text COLLATE "C" NOT NULL,
  version                bigint           NOT NULL,
  update_time_micros     bigint           NOT NULL,
  update_action          text             NOT NULL,
  kind                   text,
  expiration_time_micros bigint,
  body                   json             NOT NULL
);
`;
