-- Row security is PostgreSQL's: there is nothing to do here.
SELECT 1;
