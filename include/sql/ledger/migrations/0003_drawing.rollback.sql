DROP TABLE drawing;
