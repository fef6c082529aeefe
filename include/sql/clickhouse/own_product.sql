-- Every row of a staging table is its product's: statements leave the column out. Tables that are not published have none.
ALTER TABLE {{ table }} MODIFY COLUMN IF EXISTS product DEFAULT {product:String}
