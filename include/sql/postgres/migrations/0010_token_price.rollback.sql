DROP TABLE IF EXISTS token_price;
