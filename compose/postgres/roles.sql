-- Run once, by the image, when the database is made: a role for each service, with no right over what is the other's.
\getenv gateway_password POSTGRES_GATEWAY_PASSWORD
\getenv index_password POSTGRES_INDEX_PASSWORD

CREATE ROLE tidemark_gateway LOGIN PASSWORD :'gateway_password';
CREATE ROLE tidemark_index LOGIN PASSWORD :'index_password';

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO tidemark_gateway;
CREATE SCHEMA jobs AUTHORIZATION tidemark_gateway;
-- It makes the schemas `catalog` and `index_<generation>` itself.
GRANT CONNECT, CREATE ON DATABASE :"DBNAME" TO tidemark_index;
