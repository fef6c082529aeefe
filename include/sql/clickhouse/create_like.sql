CREATE TABLE {table:Identifier} AS {shape:Identifier}
