"""What ``docker-compose.yaml`` needs beside the image: secrets, rights, a health check, a trial start."""
