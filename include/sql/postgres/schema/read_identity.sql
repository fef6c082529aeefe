SELECT product, environment FROM slipway_database
