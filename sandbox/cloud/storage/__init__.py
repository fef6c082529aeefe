"""Cloud Storage: buckets with generations, preconditions, retention and who may write, over the JSON API."""
