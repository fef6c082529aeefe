DROP TABLE refused_request;
