CREATE TABLE {{ table }} AS {{ shape }}
