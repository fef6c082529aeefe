DROP TABLE bake_check;
